"""Measure what one decode uses."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from whispercpp_ws.engines.whispercpp.flops import EncoderShape
from whispercpp_ws.transcript import DecodeCost, Hypothesis


class Meter:
    """Runs from when it is made, on the thread that decodes."""

    def __init__(self, encoder: EncoderShape, threads: int) -> None:
        self._encoder = encoder
        self._threads = threads
        self._started_s = time.monotonic()
        self._started_cpu_s = time.thread_time()
        self._vad_cpu_s = 0.0
        self._encoder_flops = 0.0

    @contextmanager
    def voice_detection(self) -> Iterator[None]:
        """Count what runs inside as the voice detector's; it has one thread."""
        before_s = time.thread_time()
        try:
            yield
        finally:
            self._vad_cpu_s += time.thread_time() - before_s

    def note_encode(self, frames: int) -> None:
        """Count one encoder pass."""
        self._encoder_flops += self._encoder.flops(frames)

    def charge(self, hypothesis: Hypothesis) -> Hypothesis:
        """Return the result of the decode with what it took."""
        spent_s = time.thread_time() - self._started_cpu_s - self._vad_cpu_s
        # Only the calling thread can be asked; the others share its work evenly.
        cost = DecodeCost(spent_s * self._threads, self._vad_cpu_s, self._encoder_flops)
        wall_s = time.monotonic() - self._started_s
        return replace(hypothesis, decode_s=wall_s, cost=cost)
