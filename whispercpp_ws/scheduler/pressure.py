"""
What is given up while more is asked than the lanes can do, step by step; pure.

A table of rungs and a state machine that climbs and descends it, one rung at a time
and only when its reason has lasted: a ladder that follows every breath of the load
would make everybody's partials stutter.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any


HOLD_S = 2.0
"""How long a reason has to last before the next rung."""
SMOOTHING_S = 1.0
"""Time constant of the wait: finals come in bursts, when several people pause."""
HIGH_WAIT_S = 0.5
"""Of lane time in the queue, per lane, above which it is climbed: a final that is
asked for now would miss its deadline by as much."""
LOW_WAIT_S = 0.1
"""The same, below which it is descended."""
HIGH_LATE_S = 0.3
"""Mean lateness of finals above which it is climbed: the slowest ones are twice as
late. A queue may be short and finals late all the same, when more lanes are busy than
there are cores."""
LOW_LATE_S = 0.1
"""The same, below which it is descended."""
LATE_WEIGHT = 0.5
"""Of the newest final in that mean."""
MOST_LATE_S = 1.0
"""Of one final in that mean: one that is a minute late must not keep everybody out for
as long."""
LATE_MEMORY_S = 5.0
"""Time constant with which that mean fades while no final comes."""


@dataclass(frozen=True, slots=True)
class Pressure:
    """What is given up at one rung."""

    level: int
    name: str
    speculates: bool = True
    """Whether finals are decoded ahead, in silences that may not last."""
    step_factor: float = 1.0
    """By how much the time between two partials is stretched."""
    partial_window_s: float = math.inf
    """Length from which partial windows move on behind stable words."""
    partial_share: float = 1.0
    """Share of the sessions that get partials."""
    retries: bool = True
    """Whether finals that a guard doubts are decoded once more."""
    small_finals: bool = False
    """Whether finals go to the model for partials, where that knows the language."""
    admits: bool = True
    """Whether new sessions are taken."""


_GIVEN_UP: tuple[tuple[str, dict[str, Any]], ...] = (
    ("no_speculation", {"speculates": False}),
    ("step_1_5", {"step_factor": 1.5}),
    ("step_2", {"step_factor": 2.0}),
    ("step_3", {"step_factor": 3.0}),
    ("short_windows", {"partial_window_s": 2.5}),
    ("fewer_partials", {"partial_share": 0.5}),
    ("no_partials", {"partial_share": 0.0}),
    ("no_retries", {"retries": False}),
    ("small_finals", {"small_finals": True}),
    ("refuse", {"admits": False}),
)
"""What each rung gives up beside all that those below it do, as in DESIGN §5. Finals
are greedy on every rung; what they do without are second decodes."""


def _rungs() -> Iterator[Pressure]:
    rung = Pressure(0, "none")
    yield rung
    for level, (name, given_up) in enumerate(_GIVEN_UP, start=1):
        rung = replace(rung, level=level, name=name, **given_up)
        yield rung


LADDER = tuple(_rungs())
OPEN_LADDER = tuple(rung for rung in LADDER if rung.admits)
"""For a server that refuses nobody."""


class Ladder:
    """
    Where on the ladder the server stands; the clock is the caller's.

    It is climbed for what waits now and for finals that came late. How late they are is
    known only when they come, so that each rung for that takes a late final that came
    after the rung before.
    """

    def __init__(self, rungs: Sequence[Pressure] = LADDER) -> None:
        self._rungs = rungs
        self._level = 0
        self._wait_s = 0.0
        self._observed_s: float | None = None
        self._newest_wait_s = 0.0
        self._late_s = 0.0
        self._is_news = False
        """Whether a final has come since the last move."""
        self._since_s: float | None = None
        """Since when there has been a reason to move."""
        self._direction = 0

    @property
    def pressure(self) -> Pressure:
        """Say what is given up now."""
        return self._rungs[self._level]

    @property
    def late_s(self) -> float:
        """Tell how late finals are, on average, of late."""
        return self._late_s

    def note_final(self, late_s: float, *, now_s: float) -> Pressure:
        """Take how much longer the decode of a final took than it does alone."""
        self._smooth(now_s)
        self._late_s += LATE_WEIGHT * (min(late_s, MOST_LATE_S) - self._late_s)
        self._is_news = True
        return self.observe(self._newest_wait_s, now_s=now_s)

    def observe(self, wait_s: float, *, now_s: float) -> Pressure:
        """Take how long the queue is, in seconds for each lane, from now on."""
        self._smooth(now_s)
        self._newest_wait_s = wait_s
        direction = self._wanted()
        if direction != self._direction:
            self._direction, self._since_s = direction, now_s
        elif direction and self._since_s is not None:
            self._move(now_s)
        return self.pressure

    def _smooth(self, now_s: float) -> None:
        """Let what was observed last count for the time since then."""
        passed_s = max(0.0, now_s - (self._observed_s or now_s))
        share = 1.0 - math.exp(-passed_s / SMOOTHING_S)
        self._wait_s += share * (self._newest_wait_s - self._wait_s)
        self._late_s *= math.exp(-passed_s / LATE_MEMORY_S)
        self._observed_s = now_s

    def _wanted(self) -> int:
        is_late = self._late_s > HIGH_LATE_S and self._is_news
        if self._wait_s > HIGH_WAIT_S or is_late:
            return 1
        is_calm = self._wait_s < LOW_WAIT_S and self._late_s < LOW_LATE_S
        return -1 if is_calm else 0

    def _move(self, now_s: float) -> None:
        if self._since_s is None or now_s - self._since_s < HOLD_S:
            return
        self._level = min(max(self._level + self._direction, 0), len(self._rungs) - 1)
        self._since_s = now_s
        self._is_news = False
