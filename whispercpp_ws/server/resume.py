"""
Sessions that outlive their connections, and the rules by which a peer comes back.

A connection that breaks leaves its session here for `resume_grace_s`. The session goes
on decoding what it has heard, an open utterance stays open, and what it says is kept.
A peer takes it up with `{"op":"start","resume":ID,"offset":X}`:

* X is the offset of the last `ack` the peer got, 0 if none. It may forget the audio
  before X, and nothing else. With X it confirms all that was said before that `ack`;
  everything after it is said again, so a final may come twice: it has the number of an
  utterance that the peer has a final of. Without X nothing is confirmed.
* `ready` repeats X, or without one says how much was heard. The next binary frame
  begins there, at sample floor(X in ms * rate / 1000) of each channel. What lies before
  the end of what was heard is skipped, byte for byte; audio after a gap is refused.
* Commands take their place in the stream and are replayed with the audio around them.
  Those before the end of what was heard are skipped. Those right at it may be obeyed
  twice, which changes nothing: a second flush finds no open utterance. `end` is always
  obeyed. Audio options of the first `start` stay as they are.
* The newest connection wins: one that still has the session is told `session_taken`
  and closed with 4409, and what it sent but was not heard is forgotten, as the peer
  replays it.
* `unknown_session` is the answer for an id that never was, is no longer kept, whose
  events after X are no longer kept, or that belongs to another token's subject: a
  stranger learns nothing from it.

A session is forgotten once its last message has been followed by the peer's close
frame. Until then it can be asked for its finals, even after `end`.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable

from whispercpp_ws.config import LimitConfig
from whispercpp_ws.errors import QuotaReached, SpeechError, UnknownSession
from whispercpp_ws.metrics import Metrics
from whispercpp_ws.server.live import Holder, LiveSession


_LOGGER = logging.getLogger(__name__)

CallLater = Callable[[float, Callable[[], None]], asyncio.TimerHandle]


def call_later(delay_s: float, call: Callable[[], None]) -> asyncio.TimerHandle:
    """Call from the running loop after a delay."""
    return asyncio.get_running_loop().call_later(delay_s, call)


class SessionRegistry:
    """Know every session by its id, and keep those without a connection for a while."""

    def __init__(
        self,
        limits: LimitConfig,
        metrics: Metrics,
        *,
        call_later: CallLater = call_later,
    ) -> None:
        self._limits = limits
        self._metrics = metrics
        self._call_later = call_later
        self._sessions: dict[str, LiveSession] = {}
        self._kept: dict[str, asyncio.TimerHandle] = {}
        """When each kept session is dropped, the one kept longest first."""

    @property
    def kept(self) -> list[LiveSession]:
        """Return the sessions without a connection, the one kept longest first."""
        return [self._sessions[name] for name in self._kept]

    @property
    def awaited(self) -> int:
        """Count the sessions whose peers may be about to take them up again."""
        return sum(session.is_awaited for session in self._sessions.values())

    def make_room_for(self, owner: str) -> None:
        """
        See that an owner may have one more session, if need be for one that is kept.

        Raises:
            QuotaReached: as many as allowed have connections.
        """
        limit = self._limits.subject_sessions
        owned = sum(session.owner == owner for session in self._sessions.values())
        if not limit or not owner or owned < limit:
            return
        kept = next((session for session in self.kept if session.owner == owner), None)
        if kept is None:
            raise QuotaReached(
                f"expected at most {limit} sessions of one token's subject at once"
            )
        self.drop(kept, "quota")

    def add(self, session: LiveSession, holder: Holder) -> None:
        """Know a new session and who has it."""
        self._sessions[session.id] = session
        session.hand_to(holder)
        self._count()

    def find(self, name: str, *, owner: str) -> LiveSession:
        """
        Return the session that an owner may take up.

        Raises:
            UnknownSession: there is none of that name, or it is somebody else's.
        """
        session = self._sessions.get(name)
        if session is None or session.owner != owner:
            raise UnknownSession(
                f"resume: expected a session this server still keeps, got {name!r}; "
                "start a new one",
                field="resume",
            )
        return session

    def take_up(self, session: LiveSession, holder: Holder) -> None:
        """Give a session to a newer connection."""
        self._unkeep(session)
        session.hand_to(holder)
        self._metrics.resumed.inc()
        self._count()

    def keep(self, session: LiveSession, holder: Holder, *, grace_s: float) -> None:
        """Keep the session of a connection that is over, unless it lost it before."""
        if session.holder is not holder:
            return
        session.holder = None
        if grace_s == 0:
            self.drop(session, "grace")
            return
        self._kept[session.id] = self._call_later(
            grace_s, lambda: self.drop(session, "grace")
        )
        self._make_room()
        self._count()

    def forget(self, session: LiveSession) -> None:
        """Let go of a session that nobody needs any more."""
        self._unkeep(session)
        if self._sessions.pop(session.id, None) is not None:
            session.stop()
        self._count()

    def drop(self, session: LiveSession, reason: str) -> None:
        """Let go of a kept session, and say what is lost with it."""
        if not session.over.is_set() or session.untold_finals:
            self._metrics.dropped_sessions.labels(reason).inc()
            self._metrics.dropped_finals.inc(session.untold_finals)
            _LOGGER.info(
                "dropped session %s (%s): nobody took its %d finals, and %.1f s of "
                "audio have none yet",
                *(session.id, reason, session.untold_finals, session.unsettled_s),
            )
        self.forget(session)

    async def finish(self, error: SpeechError) -> None:
        """Compute the finals of every kept session, then drop it."""
        for session in self.kept:
            session.end(error)
        for session in self.kept:
            await session.over.wait()
            self.drop(session, "drain")

    async def aclose(self) -> None:
        """Drop every session; leaves no task behind."""
        for session in list(self._sessions.values()):
            self.drop(session, "stop")
            await session.aclose()

    def _unkeep(self, session: LiveSession) -> None:
        timer = self._kept.pop(session.id, None)
        if timer is not None:
            timer.cancel()

    def _make_room(self) -> None:
        while len(self._kept) > self._limits.resume_sessions:
            self.drop(self._next_to_go(), "sessions")
        while sum(s.held_bytes for s in self.kept) > self._limits.resume_bytes:
            self.drop(self._next_to_go(), "bytes")

    def _next_to_go(self) -> LiveSession:
        """Choose the oldest of the owner with the most: nobody crowds others out."""
        counts = Counter(session.owner for session in self.kept)
        most = max(counts.values())
        return next(s for s in self.kept if counts[s.owner] == most)

    def _count(self) -> None:
        self._metrics.sessions.set(len(self._sessions))
        self._metrics.kept_sessions.set(len(self._kept))
