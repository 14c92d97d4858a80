"""Make words and hypotheses for tests."""

from dataclasses import replace
from math import ceil, floor

import numpy as np

from whispercpp_ws.decoding import DecodeRequest
from whispercpp_ws.transcript import Hypothesis, Word


def spoken(text: str, *, word_s: float = 0.4) -> tuple[Word, ...]:
    """Give each word of a line its place, one after the other."""
    return tuple(
        Word(word, index * word_s, (index + 1) * word_s, 0.9)
        for index, word in enumerate(text.split())
    )


def heard(
    text: str,
    *,
    logprob: float = -0.2,
    language: str = "en",
    speech_s: float | None = None,
) -> Hypothesis:
    """Make what an engine would return for a line."""
    words = spoken(text)
    return Hypothesis(text, words, language, len(words), logprob, speech_s=speech_s)


def words_by_position(
    request: DecodeRequest, pcm: np.ndarray[tuple[int], np.dtype[np.int16]]
) -> Hypothesis:
    """Say a word for each half second, numbered from the start of the stream."""
    first = np.round(request.samples[:16] * 32_768)
    likely = np.flatnonzero(pcm == first[0])
    start = next(int(n) for n in likely if (pcm[n : n + 16] == first).all())
    start_s, end_s = start / 16_000, start / 16_000 + request.seconds
    numbers = range(ceil(2 * start_s), floor(2 * end_s))
    words = [
        Word(f"word{n}", n / 2 - start_s, n / 2 + 0.4 - start_s, 0.9) for n in numbers
    ]
    return replace(heard(" ".join(w.text for w in words)), words=tuple(words))
