"""How loaded the lanes are: who may come in, and what is given up for the others."""

import time
from collections.abc import Callable

from whispercpp_ws.decoding import Priority
from whispercpp_ws.engines.base import EngineInfo
from whispercpp_ws.errors import Overloaded
from whispercpp_ws.metrics import Metrics
from whispercpp_ws.scheduler.admission import MOST_LOAD, NO_BOUND, Admission
from whispercpp_ws.scheduler.cost import FIRST_S_PER_FRAME, first_frame_s
from whispercpp_ws.scheduler.deaths import Deaths
from whispercpp_ws.scheduler.pressure import LADDER, OPEN_LADDER, Ladder, Pressure


SHAKEN = next(rung for rung in LADDER if rung.name == "no_partials")
"""While an engine dies again and again: it is up for finals only."""
FINAL_FRAMES = 125
"""Encoder frames for each second of speech that finals are taken to decode before any
has spoken: base on a 2-core VM takes 0.25 lanes. What is measured replaces it within a
minute of audio."""
PARTIAL_FRAMES = 260
"""The same for partials: there tiny.en takes 0.23 lanes and base 0.3."""
MOST_PARTIAL_COST = 0.3
"""Partials come more seldom where they take longer."""
NEWCOMERS_RETRY_S = 2
"""When to come again where only newcomers are in the way: `NEWCOMER_S` and a little."""
LEAST_FIRST_COST = 0.01
MOST_FIRST_COST = 2.0
"""Whatever the warm-up took: beyond that one speaker is too much for two cores."""
FIRST_COST = FINAL_FRAMES * FIRST_S_PER_FRAME
FIRST_PARTIAL_COST = MOST_PARTIAL_COST
"""Where nothing is known of the model either."""


class LoadMeter:
    """Join what the schedulers of one machine say; passed to each of them."""

    def __init__(
        self,
        *,
        lanes: int,
        most_load: float = MOST_LOAD,
        metrics: Metrics | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lanes = lanes
        self._metrics = metrics
        self._clock = clock
        self._admission = Admission(
            lanes=lanes,
            first_cost=FIRST_COST,
            first_partial_cost=FIRST_PARTIAL_COST,
            most_load=most_load,
        )
        self._ladder = Ladder(LADDER if most_load < NO_BOUND else OPEN_LADDER)
        self._waiting_s: dict[object, float] = {}
        self._subjects: dict[str, str] = {}
        self._deaths = Deaths()
        self._asked = 0
        self._silent_since_s = 0.0

    @property
    def is_shared(self) -> bool:
        """Tell whether finals of all who speak cannot have two lanes each."""
        speakers = self._admission.speaking(now_s=self._clock())
        is_shared = speakers > 1 and 2 * speakers > self._lanes
        if self._metrics is not None:
            self._metrics.shared_lanes.set(is_shared)
        return is_shared

    @property
    def silent_s(self) -> float:
        """Return for how long decodes were wanted and none was done."""
        return self._clock() - self._silent_since_s if self._asked else 0.0

    def note_asked(self) -> None:
        """Take that a decode is wanted, until `note_answered`."""
        if not self._asked:
            self._silent_since_s = self._clock()
        self._asked += 1

    def note_answered(self, *, is_done: bool) -> None:
        """Take that a decode is done, or, if not, is no longer wanted or failed."""
        self._asked -= 1
        if is_done:
            self._silent_since_s = self._clock()

    @property
    def pressure(self) -> Pressure:
        """Say what has to be given up now."""
        wait_s = sum(self._waiting_s.values()) / self._lanes
        now_s = self._clock()
        pressure = self._ladder.observe(wait_s, now_s=now_s)
        if self._deaths.are_expected(now_s):
            pressure = max(pressure, SHAKEN, key=lambda rung: rung.level)
        if self._metrics is not None:
            self._metrics.pressure.set(pressure.level)
        return pressure

    def note_final_model(self, info: EngineInfo) -> None:
        """Take which model decodes finals from now on."""
        cost = FINAL_FRAMES * first_frame_s(info)
        bounded = min(max(cost, LEAST_FIRST_COST), MOST_FIRST_COST)
        self._admission.note_final_model(bounded)

    def note_partial_model(self, info: EngineInfo) -> None:
        """Take which model decodes partials from now on."""
        cost = PARTIAL_FRAMES * first_frame_s(info)
        bounded = min(max(cost, LEAST_FIRST_COST), MOST_PARTIAL_COST)
        self._admission.note_partial_model(bounded)

    def admit(self) -> int:
        """
        Let one more connection in; give the number back to `note_gone` at its end.

        Raises:
            Overloaded: with it the lanes would be too busy for the others.
        """
        now_s = self._clock()
        fits = self._admission.fits(now_s=now_s) and self.pressure.admits
        if self._metrics is not None:
            load = self._admission.load_with_one_more(now_s=now_s)
            self._metrics.predicted_load.set(load)
            self._metrics.speaker_cost.set(self._admission.speaker_cost)
        if not fits:
            raise self._refusal(now_s)
        return self._admission.note_admitted(now_s=now_s)

    def _refusal(self, now_s: float) -> Overloaded:
        is_brief = self._admission.waits_for_newcomers(now_s=now_s)
        error = Overloaded("no lane has time for one more speaker; try again later")
        if is_brief and self.pressure.admits:
            # Those who came just now may turn out to be idle.
            error.retry_after_s = NEWCOMERS_RETRY_S
        return error

    def note_gone(self, number: int) -> None:
        """Take that a connection is over."""
        self._admission.note_gone(number)

    def note_waiting(self, queue: object, seconds: float) -> None:
        """Take how much lane time waits in a queue from now on."""
        self._waiting_s[queue] = seconds
        _ = self.pressure

    def note_death(self) -> None:
        """Take that an engine died under a decode."""
        self._deaths.note(self._clock())

    def note_work(self, seconds: float, priority: Priority) -> None:
        """Take what a decode took, in lane time."""
        self._admission.note_work(
            seconds,
            is_partial=priority is Priority.PARTIAL,
            sheds=self._sheds,
        )

    def note_final(self, late_s: float) -> None:
        """Take how much longer the decode of a final took than it does alone."""
        self._ladder.note_final(late_s, now_s=self._clock())
        if self._metrics is not None:
            self._metrics.final_late_s.set(self._ladder.late_s)

    @property
    def _sheds(self) -> bool:
        return self.pressure.level > 0

    def note_audio(self, session_id: str, seconds: float, *, is_speech: bool) -> None:
        """Take how much audio a session has sent, and whether it is speech."""
        now_s = self._clock()
        self._admission.note_audio(
            session_id,
            seconds,
            is_speech=is_speech,
            now_s=now_s,
            sheds=self._sheds,
        )

    def note_subject(self, session_id: str, subject: str) -> None:
        """Take whose token a session was started with; lanes are shared by that."""
        self._subjects[session_id] = subject

    def subject_of(self, session_id: str) -> str:
        """Return whose session it is; empty when nobody said."""
        return self._subjects.get(session_id, "")

    def note_left(self, session_id: str) -> None:
        """Take that a session is over."""
        self._admission.note_left(session_id)
        self._subjects.pop(session_id, None)


class Unloaded:
    """Stand in for a meter where nothing is measured: everybody may come."""

    pressure = LADDER[0]
    silent_s = 0.0
    is_shared = False

    def admit(self) -> int:
        """Let one more connection in."""
        return 0

    def note_gone(self, number: int) -> None:
        """Take that a connection is over."""

    def note_audio(self, session_id: str, seconds: float, *, is_speech: bool) -> None:
        """Take how much audio a session has sent, and whether it is speech."""

    def note_final(self, late_s: float) -> None:
        """Take how much longer the decode of a final took than it does alone."""

    def note_subject(self, session_id: str, subject: str) -> None:
        """Take whose token a session was started with."""

    def note_left(self, session_id: str) -> None:
        """Take that a session is over."""
