"""Pauses in a recording, by level alone, and the words that stand at them."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np
from numpy.typing import NDArray

from scripts.bench.audio import LEVEL_S, StreamAudio, is_loud
from scripts.bench.words import plain_words
from whispercpp_ws.transcript import Word


PAUSE_S = 0.2
"""Shortest silence that counts: plosives are silent for up to 0.1 s."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A silence between two sounds, in seconds of the recording."""

    start_s: float
    end_s: float

    @property
    def middle_s(self) -> float:
        """Where to cut it in two."""
        return (self.start_s + self.end_s) / 2


@dataclass(frozen=True, slots=True)
class Mark:
    """A pause, and plain words known to stand before and after it."""

    pause: Pause
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EdgeErrors:
    """How far words are from the edges of pauses, in seconds; late is positive."""

    ends: tuple[float, ...] = ()
    """Of the word before, from where the pause starts."""
    starts: tuple[float, ...] = ()
    """Of the word after, from where the pause ends."""


def find_pauses(sound: StreamAudio, *, least_s: float = PAUSE_S) -> tuple[Pause, ...]:
    """Find silences between the first and the last sound of a clip."""
    loud = is_loud(sound)
    if loud is None:
        return ()
    edges = np.flatnonzero(np.diff(loud.astype(int)))
    # Falling and rising edges in turn; what comes before the first sound is no pause.
    falls = [edge + 1 for edge in edges if loud[edge]]
    rises = [edge + 1 for edge in edges if not loud[edge]]
    rises = [rise for rise in rises if falls and rise > falls[0]]
    return tuple(
        Pause(*(float(sound.lead_s + at * LEVEL_S) for at in (fall, rise)))
        for fall, rise in zip(falls, rises, strict=False)
        if (rise - fall) * LEVEL_S >= least_s - 1e-9
    )


def edge_errors(words: Sequence[Word], marks: Sequence[Mark]) -> EdgeErrors:
    """Compare the times of words with the pauses they stand at."""
    ends, starts = [], []
    for mark in marks:
        found = words_at(words, mark)
        if found is not None:
            before, after = found
            ends.append(before.end_s - mark.pause.start_s)
            starts.append(after.start_s - mark.pause.end_s)
    return EdgeErrors(tuple(ends), tuple(starts))


def words_at(words: Sequence[Word], mark: Mark) -> tuple[Word, Word] | None:
    """
    Find the words before and after a pause by what they say, not by their times.

    None unless the texts agree on both words and nothing lies between them.
    """
    tokens = [(plain, word) for word in words for plain in plain_words(word.text)]
    known = (*mark.before, *mark.after)
    heard = [plain for plain, _ in tokens]
    matcher = SequenceMatcher(None, known, heard, autojunk=False)
    places = {
        block.a + offset: block.b + offset
        for block in matcher.get_matching_blocks()
        for offset in range(block.size)
    }
    last = len(mark.before) - 1
    before, after = places.get(last), places.get(last + 1)
    if before is None or after != before + 1:
        return None
    return tokens[before][1], tokens[before + 1][1]


def in_silence(words: Sequence[Word], pauses: Sequence[Pause]) -> int:
    """Count the words whose middle lies in a pause."""
    middles = [(word.start_s + word.end_s) / 2 for word in words]
    return sum(
        any(pause.start_s < middle < pause.end_s for pause in pauses)
        for middle in middles
    )


def absolute_percentiles(errors: Sequence[float]) -> NDArray[np.float64]:
    """Return the median and the 95th percentile of absolute errors; NaN without any."""
    if not errors:
        return np.array([np.nan, np.nan])
    found: NDArray[np.float64] = np.percentile(np.abs(errors), (50, 95))
    return found
