"""Silero voice activity detection through libwhisper, one stream per object."""

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, islice
from math import ceil
from pathlib import Path

import numpy as np

from whispercpp_ws.decoding import SAMPLE_RATE, Samples
from whispercpp_ws.engines.whispercpp.binding import LibWhisper, load_binding
from whispercpp_ws.engines.whispercpp.checks import check_samples
from whispercpp_ws.errors import BadModelFile, RefusedInput


WINDOW_SAMPLES = 512
"""32 ms; libwhisper pads a shorter window with zeros and counts it as a whole one."""

BATCH_WINDOWS = 8
"""Given to libwhisper at once: each call makes a graph. 2.4 s of speech took 25 ms
window by window, 13 by 8 at a time or all at once, with the same result."""

SPEECH_PROBABILITY = 0.5
"""Silero's own threshold."""

ENOUGH_SPEECH_S = 2.0
"""Speech from which on it does not matter how much there is, for no guard of a session
asks for more: the rest of a window of 8 s, two thirds of the work, is then left."""

SILERO_SHA256 = "2aa269b785eeb53a82983a20501ddf7c1d9c48e33ab63a41391ac6c9f7fb6987"
"""Silero 6.2.0 in ggml form, 885,098 bytes; the loader checks no length, so no other
file is given to it."""


class SileroVad:
    """A voice detector with memory of its stream."""

    def __init__(self, lib: LibWhisper, handle: int) -> None:
        self._lib = lib
        self._handle = handle
        self._busy = threading.Lock()

    @classmethod
    def load(cls, path: Path) -> "SileroVad":
        """
        Load the Silero 6.2.0 ggml file.

        Raises:
            BadModelFile: the file is any other.
        """
        _check_file(path)
        lib = load_binding()
        params = lib.vad_context_params()
        params.n_threads = 1
        params.use_gpu = False
        params.gpu_device = 0
        handle = lib.init_vad(os.fsencode(path), params)
        if not handle:
            raise BadModelFile(f"{path}: libwhisper refuses it: {lib.last_error}")
        # Its memory starts as whatever the allocator returned.
        lib.reset_vad(handle)
        return cls(lib, handle)

    def probabilities(self, samples: Samples) -> list[float]:
        """
        Return how likely each next 512 samples of the stream are speech, 0 to 1.

        Raises:
            RefusedInput: not some times 512 finite, contiguous float32 samples, or
                more than `BATCH_WINDOWS` times as many.
        """
        with self._exclusive():
            check_samples(samples, longest=BATCH_WINDOWS * WINDOW_SAMPLES)
            if not len(samples) or len(samples) % WINDOW_SAMPLES:
                raise RefusedInput(
                    f"samples: expected some times {WINDOW_SAMPLES}, got "
                    f"{len(samples)}; keep the rest for the next call",
                    field="samples",
                )
            return self._lib.vad_probabilities(self._handle, samples)

    def speech_s(self, samples: Samples) -> float:
        """
        Return how many seconds of a recording are speech; forgets the stream.

        Counts up to `ENOUGH_SPEECH_S`; takes 5 ms per second of what it hears.
        """
        self.reset()
        whole = np.append(samples, np.zeros(-len(samples) % WINDOW_SAMPLES, np.float32))
        size = BATCH_WINDOWS * WINDOW_SAMPLES
        batches = (whole[at : at + size] for at in range(0, len(whole), size))
        heard = chain.from_iterable(map(self.probabilities, batches))
        spoken = (one for one in heard if one >= SPEECH_PROBABILITY)
        enough = ceil(ENOUGH_SPEECH_S * SAMPLE_RATE / WINDOW_SAMPLES)
        return len(list(islice(spoken, enough))) * WINDOW_SAMPLES / SAMPLE_RATE

    def reset(self) -> None:
        """Forget the stream, between two of them."""
        with self._exclusive():
            self._lib.reset_vad(self._handle)

    def close(self) -> None:
        """Free the detector; closing twice is allowed."""
        if self._handle:
            with self._exclusive():
                handle, self._handle = self._handle, 0
                self._lib.free_vad(handle)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        if not self._busy.acquire(blocking=False):
            raise RefusedInput("vad: expected one thread at a time, got two; load two")
        try:
            if not self._handle:
                raise RefusedInput("vad: expected an open detector, got a closed one")
            yield
        finally:
            self._busy.release()


def _check_file(path: Path) -> None:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadModelFile(
            f"{path}: expected a readable Silero file, got {error.strerror}"
        ) from error
    if digest != SILERO_SHA256:
        raise BadModelFile(
            f"{path}: expected Silero 6.2.0 with SHA-256 {SILERO_SHA256}, got {digest}"
        )
