"""
Whether one more speaker fits, told from what those who speak cost; pure.

Only what cannot be put off counts: finals whole, partials as seldom as the ladder makes
them. Sessions in which nobody speaks cost nothing, and as many of them fit as may.
"""

import math
from collections import deque


MOST_LOAD = 0.7
"""Of the lanes, by what cannot be put off; the rest is for bursts (DESIGN §5)."""
PARTIAL_SHARE = 1 / 3
"""Of the partials' work that is left on the ladder's longest step."""
SPEAKING_S = 10.0
"""Since its last decode, for a session to count as speaking; a pause for thought."""
MEMORY_S = 30.0
"""Time constant of what a speaker costs: a few utterances."""


class Admission:
    """Predict the load with one more speaker; the clock is the caller's."""

    def __init__(self, *, lanes: int, first_cost: float) -> None:
        """Assume `first_cost` lanes for each speaker until some have spoken."""
        self._lanes = lanes
        self._speaking: dict[str, float] = {}
        self._newcomers: deque[float] = deque()
        self._work_s = first_cost * MEMORY_S
        self._spoken_s = MEMORY_S
        self._noted_s: float | None = None

    def note_admitted(self, *, now_s: float) -> None:
        """Note a newcomer, who counts as speaking until it is known better."""
        self._newcomers.append(now_s)

    def note_work(
        self, session_id: str, seconds: float, *, is_partial: bool, now_s: float
    ) -> None:
        """Note lane time that a session used."""
        self._pass_time(now_s)
        if session_id not in self._speaking and self._newcomers:
            self._newcomers.popleft()
        self._speaking[session_id] = now_s
        self._work_s += seconds * (PARTIAL_SHARE if is_partial else 1.0)

    def load_with_one_more(self, *, now_s: float) -> float:
        """Return the share of the lanes that would be busy with one more speaker."""
        self._pass_time(now_s)
        speakers = len(self._speaking) + len(self._newcomers) + 1
        return speakers * self._cost / self._lanes

    def fits(self, *, now_s: float) -> bool:
        """Tell whether one more speaker may come; the first always may."""
        alone = not self._speaking and not self._newcomers
        return alone or self.load_with_one_more(now_s=now_s) <= MOST_LOAD

    @property
    def _cost(self) -> float:
        return self._work_s / self._spoken_s

    def _pass_time(self, now_s: float) -> None:
        passed_s = max(0.0, now_s - (self._noted_s or now_s))
        self._noted_s = now_s
        speakers = len(self._speaking)
        if speakers:
            # Forgotten at the same rate, so that their quotient only moves with news.
            kept = math.exp(-passed_s * speakers / MEMORY_S)
            self._work_s *= kept
            self._spoken_s = kept * self._spoken_s + (1.0 - kept) * MEMORY_S
        oldest_s = now_s - SPEAKING_S
        self._speaking = {
            name: last_s for name, last_s in self._speaking.items() if last_s > oldest_s
        }
        while self._newcomers and self._newcomers[0] <= oldest_s:
            self._newcomers.popleft()
