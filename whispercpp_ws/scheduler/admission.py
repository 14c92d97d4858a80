"""
Whether one more speaker fits, told from what those who speak cost; pure.

Everything counts that a speaker asks for while nothing is given up, partials included:
who is let in gets all of it, and the ladder is for what nobody foresaw. Sessions in
which nobody speaks cost nothing, and as many of them fit as may. But
who comes cannot be asked whether he will speak, so that newcomers count by how many of
those before them did: all of them at first, and few where most turn out to be idle.
"""

import math


MOST_LOAD = 0.7
"""Of the lanes; the rest is for bursts (DESIGN §5)."""
UNSURE = 0.25
"""More than that for one who would have a lane of his own, while a warm-up alone tells
what he costs: on one machine, which others use too, ten of them said 1.5 to 2.7 ms a
frame of base, and above 2.5 a second speaker would be refused, who is served well."""
NO_BOUND = 100.0
"""Of the most load, from which on nobody is refused, whatever the load: for those who
measure what is given up under overload, and for who is refused elsewhere."""
NEWCOMER_S = 1.5
"""Since it was let in, for one who has not spoken yet to count: who speaks does so at
once, and many that come together must not all find the lanes free."""
LEAST_SHARE = 0.05
"""Of newcomers who are taken to speak, however many before them were idle."""
NEWS = 0.2
"""Weight of one newcomer in what is expected of the next: five idle ones let three
times as many in."""
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
        self,
        *,
        lanes: int,
        first_cost: float,
        first_partial_cost: float = 0.0,
        most_load: float = MOST_LOAD,
    ) -> None:
        """Assume so many lanes for finals and partials until some have spoken."""
        self._lanes = lanes
        self._most_load = most_load if most_load < NO_BOUND else math.inf
        self._spoke_s: dict[str, float] = {}
        """When somebody last spoke in a session, by its name."""
        self._newcomers: dict[int, float] = {}
        """When they came, by a number of their own, the first one first."""
        self._share = 1.0
        """Of newcomers who are expected to speak."""
        self._came = 0
        self._final_cost = self._first_final_cost = first_cost
        self._partial_cost = self._first_partial_cost = first_partial_cost
        self._guessed = 1.0
        """Share of the cost that nobody's speech has told."""

    def note_final_model(self, first_cost: float) -> None:
        """
        Take what finals are taken to cost from now on, until some have spoken.

        What was learned of the model before is kept, as far as the two may be compared.
        """
        self._final_cost *= first_cost / self._first_final_cost
        self._first_final_cost = first_cost
        self._guessed = 1.0

    def note_partial_model(self, first_cost: float) -> None:
        """Take the same of partials."""
        self._partial_cost *= first_cost / self._first_partial_cost
        self._first_partial_cost = first_cost

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
        self,
        session_id: str,
        seconds: float,
        *,
        is_speech: bool,
        now_s: float,
        sheds: bool = False,
    ) -> None:
        """
        Note audio that a session sent, and whether somebody speaks in it.

        While partials are given up (`sheds`), what they cost is not told anew.
        """
        spoke_s = self._spoke_s.get(session_id)
        if is_speech:
            if spoke_s is None:
                self._note_newcomer_spoke()
            self._spoke_s[session_id] = spoke_s = now_s
        if spoke_s is not None and now_s - spoke_s < SPEAKING_S:
            left = math.exp(-seconds / MEMORY_S)
            self._final_cost *= left
            self._guessed *= left
            if not sheds:
                self._partial_cost *= left

    def note_work(
        self, seconds: float, *, is_partial: bool, sheds: bool = False
    ) -> None:
        """Note lane time that was used."""
        if not is_partial:
            self._final_cost += seconds / MEMORY_S
        elif not sheds:
            self._partial_cost += seconds / MEMORY_S

    def note_left(self, session_id: str) -> None:
        """Note that a session is over."""
        self._spoke_s.pop(session_id, None)

    @property
    def speaker_cost(self) -> float:
        """Lanes that one speaker takes while nothing is given up."""
        return self._final_cost + self._partial_cost

    def load_with_one_more(self, *, now_s: float) -> float:
        """Return the share of the lanes that would be busy with one more speaker."""
        return self._load_of(self._speakers(now_s) + 1)

    def fits(self, *, now_s: float) -> bool:
        """Tell whether one more speaker may come; the first always may."""
        speakers = self._speakers(now_s)
        return speakers == 0 or self._may_be(speakers + 1)

    def waits_for_newcomers(self, *, now_s: float) -> bool:
        """Tell whether one more speaker fits but for those who have not spoken yet."""
        return self._may_be(self.speaking(now_s=now_s) + 1)

    def _may_be(self, speakers: float) -> bool:
        unsure = UNSURE * self._guessed if speakers <= self._lanes else 0.0
        return self._load_of(speakers) <= self._most_load * (1.0 + unsure)

    def _load_of(self, speakers: float) -> float:
        return speakers * self.speaker_cost / self._lanes

    def _speakers(self, now_s: float) -> float:
        self._settle_newcomers(now_s)
        return self.speaking(now_s=now_s) + self._share * len(self._newcomers)

    def speaking(self, *, now_s: float) -> int:
        """Count the sessions in which somebody speaks."""
        return sum(now_s - at_s < SPEAKING_S for at_s in self._spoke_s.values())

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
