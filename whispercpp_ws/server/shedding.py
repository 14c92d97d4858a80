"""What one session gives up while the server is overloaded, and what it is told."""

import zlib
from math import inf
from typing import Protocol

from whispercpp_ws.events import Warned
from whispercpp_ws.scheduler.pressure import LADDER, Pressure
from whispercpp_ws.session.adaptation import Adaptation


SHARED_CONTEXT_S = 6.0
"""Longest window of a final that earlier speech is added to where lanes are shared: a
final may find one core only, or wait for another one. Of 1678 words 12 more are wrong
with it."""

BUCKETS = 1000
"""Into which sessions are dealt by their names, which are random."""


class Load(Protocol):
    """Who knows how busy the lanes are."""

    @property
    def pressure(self) -> Pressure:
        """Say what has to be given up now."""
        ...

    @property
    def is_shared(self) -> bool:
        """Tell whether finals of all who speak cannot have two lanes each."""
        ...

    @property
    def silent_s(self) -> float:
        """Return for how long decodes were wanted and none was done."""
        ...

    def admit(self) -> int:
        """Let one more connection in, for `note_gone` later; raises Overloaded."""
        ...

    def note_gone(self, number: int) -> None:
        """Take that a connection is over."""
        ...

    def note_audio(self, session_id: str, seconds: float, *, is_speech: bool) -> None:
        """Take how much audio a session has sent, and whether it is speech."""
        ...

    def note_final(self, late_s: float) -> None:
        """Take how much longer the decode of a final took than it does alone."""
        ...

    def note_subject(self, session_id: str, subject: str) -> None:
        """Take whose token a session was started with; lanes are shared by that."""
        ...

    def note_left(self, session_id: str) -> None:
        """Take that a session is over."""
        ...


class Shedding:
    """Say what one session does without; thin out its partials."""

    def __init__(self, load: Load, *, session_id: str, step_ms: int) -> None:
        self._load = load
        self._session_id = session_id
        self._heard_s = 0.0
        self._place = zlib.crc32(session_id.encode()) % BUCKETS / BUCKETS
        self._step_ms = step_ms
        self._partial_at_s = 0.0
        self._told = self._warning(LADDER[0])

    def note_heard(self, heard_s: float, *, is_speech: bool) -> None:
        """Tell the load how much audio the session has heard, and if it is speech."""
        seconds = heard_s - self._heard_s
        self._load.note_audio(self._session_id, seconds, is_speech=is_speech)
        self._heard_s = heard_s

    def note_final(self, late_s: float) -> None:
        """Tell the load how much longer a final took than it does alone."""
        self._load.note_final(late_s)

    def leave(self) -> None:
        """Tell the load that the session is over."""
        self._load.note_left(self._session_id)

    def sheds_partial(self, *, at_s: float) -> bool:
        """Tell whether a partial of audio up to here is left out; else note it."""
        pressure = self._load.pressure
        if self._place >= pressure.partial_share:
            return True
        # The session keeps the usual step by itself.
        stretched_s = self._step_ms / 1000 * pressure.step_factor
        is_soon = at_s - self._partial_at_s < stretched_s
        if pressure.step_factor > 1.0 and is_soon:
            return True
        self._partial_at_s = at_s
        return False

    @property
    def adaptation(self) -> Adaptation:
        """Say what the session itself gives up now."""
        pressure = self._load.pressure
        return Adaptation(
            speculates=pressure.speculates,
            partial_window_s=pressure.partial_window_s,
            context_s=SHARED_CONTEXT_S if self._load.is_shared else inf,
            retries=pressure.retries,
        )

    def news(self) -> Warned | None:
        """Return what the client should know that it has not been told."""
        warning = self._warning(self._load.pressure)
        if warning == self._told:
            return None
        self._told = warning
        return warning

    def _warning(self, pressure: Pressure) -> Warned:
        step_ms = round(self._step_ms * pressure.step_factor)
        return Warned("overload", self._message(pressure), step_ms)

    def _message(self, pressure: Pressure) -> str:
        if pressure.small_finals:
            return "the server is busy: a smaller model may decode finals"
        if not pressure.retries:
            return "the server is busy: partials at pauses only, finals decoded once"
        if self._place >= pressure.partial_share:
            return "the server is busy: partials at pauses only"
        if pressure.step_factor > 1.0:
            return "the server is busy: fewer partials"
        if not pressure.speculates:
            return "the server is busy: finals may come a little later"
        return "the server is no longer busy"
