"""
What is refused before it reaches C.

libwhisper trusts its caller: each input refused here was seen to end the process,
to loop for seconds, or to give one client another client's words.
"""

import numpy as np

from whispercpp_ws.decoding import FRAMES_PER_S, FULL_AUDIO_CTX, SAMPLE_RATE, Samples
from whispercpp_ws.errors import RefusedInput


MIN_WINDOW_SAMPLES = 3200
"""0.2 s. libwhisper returns nothing below 112 ms and its word alignment aborts the
process below 163 ms; no word is shorter."""

SAMPLES_PER_FRAME = SAMPLE_RATE // FRAMES_PER_S
MAX_WINDOW_SAMPLES = FULL_AUDIO_CTX * SAMPLES_PER_FRAME

MAX_FILE_SAMPLES = 4 * 3600 * SAMPLE_RATE
"""4 h; the spectrogram of the whole audio is held in memory, 115 MB an hour."""

MAX_TOKENS = 224
"""Tokens libwhisper decodes at most from one window (n_text_ctx / 2)."""


def check_samples(samples: Samples, *, longest: int) -> None:
    """
    Refuse what is not finite, contiguous, mono float32 audio of 1 to `longest` samples.

    Raises:
        RefusedInput: `str()` says which and what to send instead.
    """
    if samples.dtype != np.float32:
        _refuse("float32 from -1 to 1", f"{samples.dtype}; convert and scale it")
    if samples.ndim != 1:
        _refuse("one channel (1 dimension)", f"{samples.ndim} dimensions; mix it down")
    if not samples.flags.c_contiguous:
        _refuse("contiguous memory", "strides; copy it with numpy.ascontiguousarray")
    if not 1 <= len(samples) <= longest:
        _refuse(f"1 to {longest} samples at 16 kHz", f"{len(samples)}; cut it")
    if not np.isfinite(samples).all():
        _refuse("finite numbers", "NaN or infinity; drop the audio")


def check_audio_ctx(audio_ctx: int, sample_count: int) -> None:
    """
    Refuse an `audio_ctx` that libwhisper rejects or that cuts the audio.

    Raises:
        RefusedInput: it is not 1 to 1500, or covers less than the samples.
    """
    covered = audio_ctx * SAMPLES_PER_FRAME
    if not 1 <= audio_ctx <= FULL_AUDIO_CTX or covered < sample_count:
        needed = -(-sample_count // SAMPLES_PER_FRAME)
        raise RefusedInput(
            f"audio_ctx: expected {max(needed, 1)} to {FULL_AUDIO_CTX} frames for "
            f"{sample_count} samples, got {audio_ctx}",
            field="audio_ctx",
        )


def check_language(language: str, known: tuple[str, ...]) -> None:
    """
    Refuse a language the model was not trained on; libwhisper would guess one.

    Raises:
        RefusedInput: the code is neither "auto" nor one of `known`.
    """
    if language != "auto" and language not in known:
        shown = ", ".join(known[:5]) + (", …" if len(known) > 5 else "")
        raise RefusedInput(
            f'language: expected "auto" or one of {shown}, got {language[:20]!r}',
            field="language",
        )


def check_max_tokens(max_tokens: int) -> None:
    """
    Refuse a negative number of tokens.

    Raises:
        RefusedInput: it is below 0.
    """
    if max_tokens < 0:
        raise RefusedInput(
            f"max_tokens: expected 0 or more, got {max_tokens}", field="max_tokens"
        )


def _refuse(expected: str, got: str) -> None:
    raise RefusedInput(f"samples: expected {expected}, got {got}", field="samples")
