"""Whether an engine that died is about to die again; pure."""

import math


SHAKY_S = 3.0
"""After such a death, for which the next one is expected: an engine that is killed
every 2 s is up for hardly more than one decode."""
REPEATED_S = 10.0
"""Between two deaths of which the second is no chance any more: one alone costs what
was being decoded, and no more caution than that."""
SAME_S = 0.5
"""Between two decodes that failed of one death, at most; both tell of it."""


class Deaths:
    """Remember the last ones; the clock is the caller's."""

    def __init__(self) -> None:
        self._last_s = -math.inf
        self._repeated_s = -math.inf

    def note(self, now_s: float) -> None:
        """Take that a decode failed because its engine died."""
        passed_s = now_s - self._last_s
        if SAME_S <= passed_s <= REPEATED_S:
            self._repeated_s = now_s
        if passed_s >= SAME_S:
            self._last_s = now_s

    def are_expected(self, now_s: float) -> bool:
        """Tell whether one more would be no surprise."""
        return now_s - self._repeated_s < SHAKY_S
