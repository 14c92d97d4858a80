"""
Part what a window says: earlier speech in it, the part's own words, and guesses at
what comes behind its audio.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import log
from statistics import fmean

from whispercpp_ws.session.agreement import normalise
from whispercpp_ws.transcript import Hypothesis, Word, join_words


SEAM_WORDS = 3
"""Words before a part by which its seam is known, and the words that times may be
wrong by: ends of aligned words are 60 ms off at the median and 340 ms at the 95th
percentile."""

GUESSED_S = 0.35
"""Before a window's end: the silence that it takes in, and the error of alignment."""
GUESSED_WORDS = 2
"""A last word alone may be real."""
GUESSED_TOGETHER_S = 0.1
"""All guesses of a window lie in so little time, in which nobody says two words. Any
from 0.02 s up to it found the same 10 of 510 windows; 0.16 s took in two more."""


def without_context(
    hypothesis: Hypothesis, context_s: float, before: Sequence[Word]
) -> Hypothesis:
    """
    Leave only what was said behind the first `context_s`, with times from there.

    Args:
        hypothesis: of the context and the part.
        context_s: seconds of the window before the part.
        before: what was said before the part, as it was published.
    """
    first = seam(hypothesis.words, context_s, before)
    own = tuple(word.shifted(-context_s) for word in hypothesis.words[first:])
    return _only(hypothesis, own)


def split_ahead(
    hypothesis: Hypothesis, part_s: float
) -> tuple[Hypothesis, tuple[Word, ...]]:
    """Return what was said in the first `part_s` seconds of a window, and the rest."""
    words = hypothesis.words
    own = sum(word.start_s + word.end_s <= 2 * part_s for word in words)
    return _only(hypothesis, words[:own]), words[own:]


def without_guesses(hypothesis: Hypothesis, seconds: float) -> Hypothesis:
    """
    Leave out last words for which a window has no audio.

    The decoder often finishes a sentence that the window does not, or says it again.
    Alignment has hardly time left for such words: all of them lie at the window's end.

    Args:
        hypothesis: of a window; without alignment its words are not so short.
        seconds: length of the window.
    """
    words = hypothesis.words
    # Alignment also fails in mid-window, where the words are real.
    if not words or words[-1].end_s < seconds - GUESSED_S:
        return hypothesis
    said_until_s = words[-1].end_s - GUESSED_TOGETHER_S
    own = len(words)
    while own and words[own - 1].start_s >= said_until_s:
        own -= 1
    if len(words) - own < GUESSED_WORDS:
        return hypothesis
    return _only(hypothesis, words[:own])


def _only(hypothesis: Hypothesis, words: tuple[Word, ...]) -> Hypothesis:
    """Make a hypothesis of some of one's words."""
    share = len(words) / max(len(hypothesis.words), 1)
    return replace(
        hypothesis,
        text=join_words(words),
        words=words,
        token_count=round(hypothesis.token_count * share),
        mean_logprob=(
            fmean(log(max(w.confidence, 1e-9)) for w in words) if words else 0.0
        ),
    )


def seam(words: Sequence[Word], context_s: float, before: Sequence[Word]) -> int:
    """
    Return the index of the first word behind the context.

    Times tell about where it is, and the last words before it where exactly: a word
    that is published already must not come again, nor one be lost with it.
    """
    by_time = sum(word.start_s + word.end_s <= 2 * context_s for word in words)
    known = [normalise(word.text) for word in before[-SEAM_WORDS:]]
    heard = [normalise(word.text) for word in words]
    for count in range(len(known), 0, -1):
        # One word alone may be any other "the": it must be where times say.
        reach = SEAM_WORDS if count > 1 else 1
        for index in _outwards(by_time, reach, len(words)):
            if heard[max(0, index - count) : index] == known[-count:]:
                return index
    return by_time


def _outwards(middle: int, reach: int, last: int) -> list[int]:
    near = range(max(0, middle - reach), min(last, middle + reach) + 1)
    return sorted(near, key=lambda index: abs(index - middle))
