"""A session on the server, which may outlive the connection it began on."""

import asyncio
import math
from typing import Protocol

from whispercpp_ws.config import LimitConfig
from whispercpp_ws.errors import BadStart, SpeechError, UnknownSession
from whispercpp_ws.events import (
    Acknowledged,
    AudioFormat,
    Ended,
    Event,
    Failed,
    Final,
    Flush,
    Hold,
    Partial,
    Ready,
    Reconfigure,
)
from whispercpp_ws.server.arrival import ArrivalTimes
from whispercpp_ws.server.inbox import Audio
from whispercpp_ws.server.journal import Journal
from whispercpp_ws.server.pump import SessionDecoder, SessionPump
from whispercpp_ws.session.session import Session


SETTLED_KEPT_S = 12.0
"""Settled audio that a session still holds, to decode the next final with."""
SEEMS_GONE_S = 1.0
"""Without audio, after which a peer may have lost its network, for all that is known:
the heartbeat finds out within a minute, and the peer is back before that."""
BUFFER_BYTES_PER_S = 2 * 4 * 16_000
"""Float32 at 16 kHz, in a buffer that may be twice as large as what it holds."""


class Holder(Protocol):
    """The connection that has a session now."""

    def deliver(self, event: Event, lag_ms: int | None = None) -> None:
        """Pass an event of the session on to the peer."""
        ...

    def note_pause(self, is_paused: bool) -> None:
        """Note that audio waits for decodes, or no longer does."""
        ...

    def lose_session(self) -> None:
        """Feed the session no more: a newer connection has taken it up."""
        ...


class LiveSession:
    """
    Run one session for whichever connection holds it, or for none.

    What the peer sends goes in at the place in the stream where `take_up` set it, and
    what the session has heard before is skipped.
    """

    def __init__(
        self,
        session: Session,
        *,
        ready: Ready,
        audio: AudioFormat,
        owner: str,
        decoder: SessionDecoder,
        limits: LimitConfig,
    ) -> None:
        self.ready = ready
        self.audio = audio
        self.owner = owner
        """Subject of the token it was started with; only it may take it up."""
        self.holder: Holder | None = None
        self.over = asyncio.Event()
        """Set when the last event is out."""
        self.untold_finals = 0
        """Finals said while nobody held the session."""
        self._loop = asyncio.get_running_loop()
        self.started_s = self._loop.time()
        self._session = session
        self._arrivals = ArrivalTimes()
        self._journal = Journal(limits.resume_events)
        self._next_byte = 0
        self._heard_s = -math.inf
        self._is_paused = False
        self._left_behind = False
        self._pump = SessionPump(
            session,
            audio=audio,
            decoder=decoder,
            arrivals=self._arrivals,
            pause_backlog_s=limits.pause_backlog_s,
            emit=self._note,
            note_pause=self._note_pause,
        )

    @property
    def id(self) -> str:
        """Return the name a peer takes it up by."""
        return self.ready.session_id

    @property
    def received_s(self) -> float:
        """Seconds of audio the session has heard."""
        return self._pump.received_s

    @property
    def unsettled_s(self) -> float:
        """Seconds of it that finals are still to come about."""
        return self._session.received_s - self._session.settled_s

    @property
    def held_bytes(self) -> int:
        """About how much memory its audio takes."""
        held_s = min(self.received_s, self.unsettled_s + SETTLED_KEPT_S)
        return int(held_s * BUFFER_BYTES_PER_S)

    @property
    def is_awaited(self) -> bool:
        """Whether its peer may be gone: cut off, or silent, whatever it said before."""
        if self.holder is None:
            return True
        now_s = self._loop.time()
        is_silent = now_s - self._heard_s >= SEEMS_GONE_S
        return is_silent and not self.is_closing and not self._is_paused

    @property
    def utterance_open(self) -> bool:
        """Whether there is an utterance that a flush would finish."""
        return self._pump.utterance_open

    @property
    def is_closing(self) -> bool:
        """Whether the end of the audio was taken; only finals come after that."""
        return self._pump.is_closing

    # Who holds it

    def take_up(self, offset_s: float | None) -> tuple[Ready, list[Event]]:
        """
        Let the peer go on from an offset; returns what to tell it, oldest first.

        Without an offset the peer confirms nothing and goes on where it was last heard.

        Raises:
            BadStart: the audio before the offset has not all been heard.
            UnknownSession: events after the offset are no longer kept.
        """
        heard = self._pump.heard_bytes
        heard_s = self.audio.offset_at(heard)
        if offset_s is None:
            offset_s = heard_s
        elif not self.is_closing and self.audio.byte_at(offset_s) > heard:
            raise BadStart.expected("offset", f"at most {heard_s:g}", offset_s)
        elif not self._journal.confirm(offset_s):
            raise UnknownSession(
                f"resume: what came after {offset_s:g} s is no longer kept; "
                "start a new session",
                field="resume",
            )
        self._next_byte = self.audio.byte_at(offset_s)
        ready = Ready(self.id, self.ready.model, self.ready.language, offset_s)
        return ready, list(self._journal)

    def hand_to(self, holder: Holder) -> None:
        """Give it to a connection; one that has it loses it."""
        before, self.holder = self.holder, holder
        self.untold_finals = 0
        if before is not None:
            before.lose_session()

    # What the peer sends

    async def hear(self, audio: Audio) -> None:
        """
        Feed what was not heard before; waits while decodes lag behind.

        Raises:
            UnknownSession: the session ended when its peer closed the connection.
        """
        self._heard_s = self._loop.time()
        at, self._next_byte = self._next_byte, self._next_byte + len(audio.data)
        heard_before = max(0, self._pump.heard_bytes - at)
        if heard_before >= len(audio.data):
            return
        if self._left_behind:
            raise UnknownSession(
                "resume: the session ended when its connection was closed; "
                "start a new one",
                field="resume",
            )
        await self._pump.hear(audio.data[heard_before:], arrived_s=audio.arrived_s)

    def command(self, command: Reconfigure | Flush | Hold) -> None:
        """Obey, unless the command stands before what was heard: it was obeyed then."""
        if self._next_byte < self._pump.heard_bytes:
            return
        if isinstance(command, Reconfigure):
            self._pump.reconfigure(command)
        elif isinstance(command, Flush):
            self.flush()
        else:
            self._pump.hold()

    def flush(self) -> None:
        """Finish the open utterance now."""
        self._pump.flush()

    def end(self, error: SpeechError | None = None) -> None:
        """Take the end of the audio: every final follows, and one last event."""
        self._pump.end(error)

    def leave_behind(self) -> None:
        """Take the peer's closing for the end of the audio."""
        if not self.is_closing:
            self._left_behind = True
            self._pump.end()

    def stop(self) -> None:
        """Give up the decodes that still run; nothing is said any more."""
        self.over.set()
        self._pump.stop()

    async def aclose(self) -> None:
        """Stop, and wait until no task is left."""
        self.stop()
        await self._pump.close()

    # What the session says

    def _note(self, event: Event) -> None:
        if self.over.is_set():
            return
        self._journal.add(event)
        lag_ms = None
        if isinstance(event, Partial | Final):
            lag_ms = self._arrivals.lag_ms(event.end_s, now_s=self._loop.time())
        if isinstance(event, Acknowledged):
            self._arrivals.forget(event.offset_s)
        if isinstance(event, Ended | Failed):
            self.over.set()
        if self.holder is not None:
            self.holder.deliver(event, lag_ms)
        elif isinstance(event, Final):
            self.untold_finals += 1

    def _note_pause(self, is_paused: bool) -> None:
        self._is_paused = is_paused
        if self.holder is not None:
            self.holder.note_pause(is_paused)
