"""
Whether one more speaker fits, told from what those who speak cost; pure.

Only what cannot be put off counts: finals whole, partials as seldom as the ladder makes
them. Sessions that send no audio cost nothing, and as many of them fit as may.
"""

import math


MOST_LOAD = 0.7
"""Of the lanes, by what cannot be put off; the rest is for bursts (DESIGN §5)."""
NEWCOMER_S = 3.0
"""Since it was let in, for one who has sent no audio yet to count as a speaker; clients
send it at once, and who waits longer is idle."""
PARTIAL_SHARE = 1 / 3
"""Of the partials' work that is left on the ladder's longest step."""
SPEAKING_S = 10.0
"""Since its last audio, for a session to count; clients send silence too."""
MEMORY_S = 60.0
"""Of audio, of all sessions together, that what a second of it costs is told from."""


class Admission:
    """
    Predict the load with one more speaker; the clock is the caller's.

    Cost is lane time for each second of audio, not of the clock, so that a file sent
    faster than it was spoken makes nobody look expensive.
    """

    def __init__(
        self, *, lanes: int, first_cost: float, most_load: float = MOST_LOAD
    ) -> None:
        """Assume `first_cost` lanes for each speaker until some have spoken."""
        self._lanes = lanes
        self._most_load = most_load
        self._heard_s: dict[str, float] = {}
        """When a session last sent audio, by name."""
        self._newcomers: dict[int, float] = {}
        """When they came, by a number of their own."""
        self._came = 0
        self._cost = first_cost

    def note_admitted(self, *, now_s: float) -> int:
        """
        Note a newcomer, who counts as a speaker until it is known better.

        Returns a number for `note_gone`.
        """
        self._came += 1
        self._newcomers[self._came] = now_s
        return self._came

    def note_gone(self, number: int) -> None:
        """Note that a newcomer is gone, who may have sent audio or not."""
        self._newcomers.pop(number, None)

    def note_audio(self, session_id: str, seconds: float, *, now_s: float) -> None:
        """Note audio that a session sent."""
        if session_id not in self._heard_s and self._newcomers:
            # Whose is all the same: it is their number that counts.
            del self._newcomers[next(iter(self._newcomers))]
        self._heard_s[session_id] = now_s
        self._cost *= math.exp(-seconds / MEMORY_S)

    def note_work(self, seconds: float, *, is_partial: bool) -> None:
        """Note lane time that was used."""
        share = PARTIAL_SHARE if is_partial else 1.0
        self._cost += seconds * share / MEMORY_S

    def note_left(self, session_id: str) -> None:
        """Note that a session is over."""
        self._heard_s.pop(session_id, None)

    def load_with_one_more(self, *, now_s: float) -> float:
        """Return the share of the lanes that would be busy with one more speaker."""
        return (self._speakers(now_s) + 1) * self._cost / self._lanes

    def fits(self, *, now_s: float) -> bool:
        """Tell whether one more speaker may come; the first always may."""
        is_first = self._speakers(now_s) == 0
        return is_first or self.load_with_one_more(now_s=now_s) <= self._most_load

    def _speakers(self, now_s: float) -> int:
        speaking = sum(now_s - at_s < SPEAKING_S for at_s in self._heard_s.values())
        new = sum(now_s - at_s < NEWCOMER_S for at_s in self._newcomers.values())
        return speaking + new
