"""
Move the words of a final to where a voice was.

Alignment (DTW) tells well where a word ends and badly where it starts: the pause before
a word belongs to it. Over 37 pauses the median error of a start was 240 ms, and 130 ms
after this (scripts/bench/README.md).
"""

from collections.abc import Sequence
from dataclasses import replace

from whispercpp_ws.transcript import Word


LEAST_SILENCE_S = 0.2
"""Shorter ones are inside words: plosives are silent for up to 0.1 s."""

Silence = tuple[float, float]
"""Start and end, in seconds on the clock of the words."""


def out_of_silence(
    words: Sequence[Word], silences: Sequence[Silence]
) -> tuple[Word, ...]:
    """
    Move the edges of words to those of silences that they reach into.

    A word keeps its longer side where a silence lies inside of it.
    """
    found = [s for s in silences if s[1] - s[0] >= LEAST_SILENCE_S]
    return tuple(_moved(word, found) for word in words)


def _moved(word: Word, silences: Sequence[Silence]) -> Word:
    for start_s, end_s in silences:
        if start_s < word.end_s and word.start_s < end_s:
            word = _beside(word, start_s, end_s)
    return word


def _beside(word: Word, start_s: float, end_s: float) -> Word:
    before_s = start_s - word.start_s
    after_s = word.end_s - end_s
    if max(before_s, after_s) <= 0:
        # Said in silence, as far as anyone can tell: there is no better place.
        return word
    if after_s > before_s:
        return replace(word, start_s=end_s)
    return replace(word, end_s=start_s)
