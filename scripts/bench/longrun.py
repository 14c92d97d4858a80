"""What a long session shows and a short one hides: drift, growth, loops, lost ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from scripts.bench.run import MemoryAt
from scripts.bench.scores import ClipRun
from scripts.bench.words import kept, plain_words


LEAST_S = 60.0
"""Length from which a recording is long: a third of it has several finals."""
LAST_WORDS = 5
"""Words of the reference's end that are looked for at the end of the text."""
REPEATED_WORDS = 4
"""Words of a run that is said twice in a row, from which it is a loop: people repeat
two or three."""


@dataclass(frozen=True, slots=True)
class LongRun:
    """One long recording in one session."""

    key: str
    minutes: float
    finals: int
    early_s: float | None
    """Median time from a final's last audio to the final, in the first third."""
    late_s: float | None
    """The same in the last third."""
    drift_s_per_min: float | None
    """The slope of that time over the session."""
    looping_finals: int
    """Finals in which `REPEATED_WORDS` or more are said twice in a row."""
    last_words: int
    """How many of the last `LAST_WORDS` of the reference end the text too."""
    last_off_s: float | None
    """How far the end of the last final is from the last sound; late is positive."""


def long_runs(runs: Sequence[ClipRun]) -> list[LongRun]:
    """Describe the runs of long recordings in which someone speaks."""
    return [
        _long_run(run)
        for run in runs
        if run.clip.seconds >= LEAST_S and run.clip.reference
    ]


def memory_growth_mb_per_min(samples: Sequence[MemoryAt]) -> float | None:
    """
    Return the slope of memory over the second half of a run, in megabytes a minute.

    Caches and the allocator fill up in the first half; what goes on growing is a leak.
    """
    half = [s for s in samples if 2 * s.at_s >= samples[-1].at_s]
    slope = _slope([s.at_s for s in half], [s.memory_bytes for s in half])
    return None if slope is None else slope * 60 / 1e6


def has_loop(words: Sequence[str]) -> bool:
    """Tell whether a run of `REPEATED_WORDS` or more is followed by itself."""
    return any(
        words[start : start + size] == words[start + size : start + 2 * size]
        for size in range(REPEATED_WORDS, len(words) // 2 + 1)
        for start in range(len(words) - 2 * size + 1)
    )


def _long_run(run: ClipRun) -> LongRun:
    clip, finals = run.clip, [one for one in run.timeline.settled if one.text]
    ends_s = [final.end_s for final in finals]
    delays_s = [final.at_s - final.end_s for final in finals]
    third_s = run.lead_s + clip.seconds / 3, run.lead_s + 2 * clip.seconds / 3
    pairs = list(zip(ends_s, delays_s, strict=True))
    slope = _slope(ends_s, delays_s)
    last_s = run.bounds.end_s if run.bounds else None
    return LongRun(
        key=clip.key,
        minutes=clip.seconds / 60,
        finals=len(finals),
        early_s=_median([delay for end, delay in pairs if end <= third_s[0]]),
        late_s=_median([delay for end, delay in pairs if end >= third_s[1]]),
        drift_s_per_min=None if slope is None else slope * 60,
        looping_finals=sum(has_loop(plain_words(final.text)) for final in finals),
        last_words=_last_words(clip.reference, run.timeline.text),
        last_off_s=ends_s[-1] - last_s if ends_s and last_s is not None else None,
    )


def _last_words(reference: str, text: str) -> int:
    wanted = plain_words(reference)[-LAST_WORDS:]
    # One word may be heard as two.
    return len(kept(plain_words(text)[-2 * LAST_WORDS :], wanted))


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None


def _slope(xs: Sequence[float], ys: Sequence[float]) -> float | None:
    if len(xs) < 2 or max(xs) == min(xs):
        return None
    return float(np.polyfit(xs, ys, 1)[0])
