"""
Whether one more speaker fits, told from what those who speak cost; pure.

Only what cannot be put off counts: finals whole, partials as seldom as the ladder makes
them. Sessions in which nobody speaks cost nothing, and as many of them fit as may. But
who comes cannot be asked whether he will speak, so that newcomers count by how many of
those before them did: all of them at first, and few where most turn out to be idle.
"""

import math


MOST_LOAD = 0.7
"""Of the lanes, by what cannot be put off; the rest is for bursts (DESIGN §5)."""
NEWCOMER_S = 1.5
"""Since it was let in, for one who has not spoken yet to count: who speaks does so at
once, and many that come together must not all find the lanes free."""
LEAST_SHARE = 0.05
"""Of newcomers who are taken to speak, however many before them were idle."""
NEWS = 0.2
"""Weight of one newcomer in what is expected of the next: five idle ones let three
times as many in."""
PARTIAL_SHARE = 1 / 3
"""Of the partials' work that is left on the ladder's longest step."""
SPEAKING_S = 10.0
"""Since it last spoke, for a session to count: people pause."""
MEMORY_S = 60.0
"""Of speakers' audio, all of it together, that the cost of a second is told from."""


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
        self._spoke_s: dict[str, float] = {}
        """When somebody last spoke in a session, by its name."""
        self._newcomers: dict[int, float] = {}
        """When they came, by a number of their own, the first one first."""
        self._share = 1.0
        """Of newcomers who are expected to speak."""
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
        """Note that a newcomer is gone, who may have spoken or not."""
        self._newcomers.pop(number, None)

    def note_audio(
        self, session_id: str, seconds: float, *, is_speech: bool, now_s: float
    ) -> None:
        """Note audio that a session sent, and whether somebody speaks in it."""
        spoke_s = self._spoke_s.get(session_id)
        if is_speech:
            if spoke_s is None:
                self._note_newcomer_spoke()
            self._spoke_s[session_id] = spoke_s = now_s
        if spoke_s is not None and now_s - spoke_s < SPEAKING_S:
            self._cost *= math.exp(-seconds / MEMORY_S)

    def note_work(self, seconds: float, *, is_partial: bool) -> None:
        """Note lane time that was used."""
        share = PARTIAL_SHARE if is_partial else 1.0
        self._cost += seconds * share / MEMORY_S

    def note_left(self, session_id: str) -> None:
        """Note that a session is over."""
        self._spoke_s.pop(session_id, None)

    def load_with_one_more(self, *, now_s: float) -> float:
        """Return the share of the lanes that would be busy with one more speaker."""
        return (self._speakers(now_s) + 1) * self._cost / self._lanes

    def fits(self, *, now_s: float) -> bool:
        """Tell whether one more speaker may come; the first always may."""
        is_first = self._speakers(now_s) == 0
        return is_first or self.load_with_one_more(now_s=now_s) <= self._most_load

    def _speakers(self, now_s: float) -> float:
        self._settle_newcomers(now_s)
        speaking = sum(now_s - at_s < SPEAKING_S for at_s in self._spoke_s.values())
        return speaking + self._share * len(self._newcomers)

    def _settle_newcomers(self, now_s: float) -> None:
        for number, came_s in list(self._newcomers.items()):
            if now_s - came_s < NEWCOMER_S:
                break
            del self._newcomers[number]
            self._share = max(LEAST_SHARE, self._share * (1.0 - NEWS))

    def _note_newcomer_spoke(self) -> None:
        if self._newcomers:
            # Whose is all the same: it is their number that counts.
            del self._newcomers[next(iter(self._newcomers))]
        self._share += NEWS * (1.0 - self._share)
