"""
One WebSocket connection: a reader, a writer, its time limits, and a session it holds.

One task is always in `receive()`, because aiohttp answers pings only there. Every end
goes through the outbound queue: the last event finishes it, the writer sends what
waits, and then the socket is closed with that event's code. A connection that breaks
before that leaves its session to the registry, see `resume`.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Coroutine

from whispercpp_ws.config import LimitConfig
from whispercpp_ws.errors import (
    AlreadyStarted,
    AudioBeforeStart,
    Draining,
    PeerError,
    ServiceError,
    SessionTaken,
    SpeechError,
)
from whispercpp_ws.events import (
    AudioFormat,
    Command,
    End,
    Event,
    Failed,
    Mark,
    Marked,
    Ready,
    Reconfigure,
    Start,
)
from whispercpp_ws.protocols.base import Dialect
from whispercpp_ws.server.deadlines import Deadlines, backlog_warning
from whispercpp_ws.server.delivery import CLOSE_OK, Delivery
from whispercpp_ws.server.entry import Entry
from whispercpp_ws.server.inbox import Audio, Inbox, Item, PeerClosed
from whispercpp_ws.server.keys import Shared
from whispercpp_ws.server.live import LiveSession
from whispercpp_ws.server.negotiate import accepted_options, check_change
from whispercpp_ws.server.pump import Log, SessionDecoder
from whispercpp_ws.server.receiver import FrameReceiver
from whispercpp_ws.server.socket import FrameSocket, is_answered


LINGER_S = 5.0
"""How long a peer that closed without `end` gets its finals; clients wait 10 s for
the closing handshake."""
LEAVING = {0, 1000, 1001}
"""Close codes of peers that will not come back; 0 is a close frame without one."""
SLOW_READER = 1008
SESSION_ID_BYTES = 12
"""96 random bits: nobody guesses another's session."""


class Connection:
    """Serve one peer in one dialect, from the upgrade to the close frame."""

    def __init__(
        self,
        socket: FrameSocket,
        shared: Shared,
        *,
        dialect: Dialect,
        limits: LimitConfig,
        entry: Entry,
        abort: Callable[[], None],
        log: Log,
    ) -> None:
        self._socket = socket
        self._shared = shared
        self._limits = limits
        self._dialect = dialect
        self._grant = entry.grant
        self._entry = entry
        self._abort = abort
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._inbox = Inbox(self._limits.max_frame_bytes)
        self._delivery = Delivery(
            dialect, limits=self._limits, metrics=shared.metrics, log=log
        )
        self._deadlines = Deadlines(self._limits, now_s=self._loop.time())
        self._session: LiveSession | None = None
        self._worker: asyncio.Task[None] | None = None
        self._over = asyncio.Event()
        self._closed_first = False
        socket.last_words = self._last_words

    async def run(self) -> None:
        """Serve until the connection is over; leaves no task behind."""
        try:
            await self._serve()
        finally:
            # Cut the cycles: the collector would leave a session's audio for minutes.
            self._socket.last_words = self._worker = self._session = None

    async def _serve(self) -> None:
        receiver = FrameReceiver(
            self._socket,
            dialect=self._dialect,
            inbox=self._inbox,
            deadlines=self._deadlines,
            limits=self._limits,
            metrics=self._shared.metrics,
        )
        self._worker = asyncio.create_task(self._guarded(self._work()))
        jobs = (self._read(receiver), self._watch(), self._write())
        tasks = [asyncio.create_task(self._guarded(job)) for job in jobs]
        tasks.append(self._worker)
        try:
            await self._over.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            session = self._leave_session()
        await self._close()
        if session is not None and self._is_delivered(session):
            self._shared.sessions.forget(session)

    def drain(self) -> None:
        """Send the remaining finals, then say that the server goes away."""
        self._wind_down(Draining("the server is shutting down; connect again"))

    # Tasks

    async def _guarded(self, job: Coroutine[None, None, None]) -> None:
        """Run a task of the connection; a mistake in it ends the connection only."""
        try:
            await job
        except Exception:  # noqa: BLE001
            self._log.exception("the connection broke")
            self._fail(SpeechError("the server has made a mistake; try again"))

    async def _read(self, receiver: FrameReceiver) -> None:
        if not await receiver.run():
            self._log.info("the peer is gone")
            self._over.set()

    async def _work(self) -> None:
        try:
            # Not held by a name here: the last frame would be kept until the next.
            while await self._handle(await self._inbox.get()):
                pass
        except (PeerError, ServiceError) as error:
            self._fail(error)

    async def _watch(self) -> None:
        while self._session is None or not self._session.is_closing:
            now_s = self._loop.time()
            error = self._deadlines.broken(now_s)
            if error is not None:
                self._wind_down(error)
                return
            await self._finish_quiet_utterance(now_s)
            await asyncio.sleep(self._deadlines.wait_s(now_s))

    async def _write(self) -> None:
        try:
            await self._delivery.write(self._socket)
        except ConnectionError:
            self._log.info("the peer is gone")
        except TimeoutError:
            limit_s = self._limits.send_timeout_s
            self._give_up("send_timeout", f"the peer took no frame for {limit_s:g} s")
        self._over.set()

    # What the peer sends

    async def _handle(self, item: Item) -> bool:
        """Do what the peer asks for; returns whether it may ask for more."""
        if isinstance(item, PeerError):
            self._fail(item)
            return False
        if isinstance(item, PeerClosed):
            self._take_close(item)
        elif isinstance(item, Mark):
            self.deliver(Marked(item.name))
        elif isinstance(item, Start):
            self._start(item)
        elif self._session is None:
            raise _before_start(item)
        elif isinstance(item, Audio):
            await self._hear(self._session, item)
        else:
            self._command(self._session, item)
        return True

    def _start(self, start: Start) -> None:
        if self._session is not None:
            raise AlreadyStarted("expected one `start` per connection, got another")
        if self._grant is None and self._shared.tokens.is_required:
            self._grant = self._shared.tokens.check(start.token)
        if start.resume is None:
            self._open(start)
        else:
            self._resume(start.resume, start.offset_s)

    def _open(self, start: Start) -> None:
        self._entry.check_new()
        info = self._shared.info_for(start.options.model)
        options = accepted_options(start, info)
        self._shared.sessions.make_room_for(self._subject)
        name = secrets.token_urlsafe(SESSION_ID_BYTES)
        session = LiveSession(
            self._shared.open_session(options),
            ready=Ready(name, options.model or info.model, options.language),
            audio=options.audio,
            owner=self._subject,
            decoder=SessionDecoder(
                self._shared.decoder,
                name,
                metrics=self._shared.metrics,
                log=self._log,
                shedding=self._shared.shedding(name, self._subject),
                on_settled=self._shared.note_settled,
            ),
            limits=self._limits,
        )
        self._shared.sessions.add(session, self)
        self._hold(session)
        self.deliver(session.ready)

    def _resume(self, name: str, offset_s: float | None) -> None:
        session = self._shared.sessions.find(name, owner=self._subject)
        ready, events = session.take_up(offset_s)
        self._shared.sessions.take_up(session, self)
        self._entry.settle()
        self._hold(session)
        self._log.info("took up session %s at %g s", name, ready.offset_s)
        for event in (ready, *events):
            self.deliver(event)

    @property
    def _subject(self) -> str:
        return self._grant.subject if self._grant else ""

    def _hold(self, session: LiveSession) -> None:
        self._session = session
        self._inbox.limit_bytes = self._inbox_bytes(session.audio)
        expires_s = None
        if self._grant is not None:
            expires_s = self._loop.time() + self._grant.expires_at - time.time()
        self._deadlines.note_start(now_s=session.started_s, expires_s=expires_s)

    def _inbox_bytes(self, audio: AudioFormat) -> int:
        """Return how much audio waits here before the socket is no longer read."""
        wanted = int(self._limits.pause_backlog_s * audio.rate * audio.frame_bytes)
        return min(wanted, self._limits.max_frame_bytes)

    async def _hear(self, session: LiveSession, audio: Audio) -> None:
        before_s = session.received_s
        await session.hear(audio)
        self._shared.metrics.audio_s.inc(max(0.0, session.received_s - before_s))

    def _command(self, session: LiveSession, command: Command) -> None:
        if isinstance(command, End):
            session.end()
            return
        assert not isinstance(command, Start | Mark), "handled before"
        if isinstance(command, Reconfigure):
            check_change(command, self._shared.info_for(command.model or ""))
        session.command(command)

    def _take_close(self, closed: PeerClosed) -> None:
        """Finish for a peer that has closed its side on purpose; it may still read."""
        if self._session is None or closed.code not in LEAVING:
            self._over.set()
            return
        self._closed_first = not self._delivery.is_complete
        self._session.leave_behind()
        self._loop.call_later(LINGER_S, self._over.set)

    async def _finish_quiet_utterance(self, now_s: float) -> None:
        session = self._session
        if session is None or not session.utterance_open or not self._inbox.is_empty:
            return
        if self._deadlines.is_quiet(now_s):
            session.flush()
        elif self._deadlines.is_sign_wanted(now_s):
            self._deadlines.note_asked()
            if not await self._socket.probe():
                self._deadlines.note_sign()

    # What the session says

    def deliver(self, event: Event, lag_ms: int | None = None) -> None:
        """Queue an event for the peer; a peer that lets too many wait is dropped."""
        self._delivery.put(event, lag_ms)
        if self._delivery.close_code is None and self._delivery.is_overfull:
            limit = self._limits.outbound_events
            self._give_up("outbound_events", f"the peer lets {limit} events wait")

    def note_pause(self, is_paused: bool) -> None:
        """Keep time of pauses, and warn the peer of them now and then."""
        now_s = self._loop.time()
        if not is_paused:
            self._deadlines.note_resume(now_s=now_s)
            return
        received_s = self._session.received_s if self._session else 0.0
        self._deadlines.note_pause(now_s=now_s, received_s=received_s)
        self._shared.metrics.pauses.inc()
        if self._deadlines.is_warning_due(now_s):
            self.deliver(backlog_warning(self._limits))

    def lose_session(self) -> None:
        """Say that a newer connection has the session, and close."""
        self._session = None
        if self._worker is not None:
            self._worker.cancel()
        self._fail(SessionTaken("another connection has taken the session up"))

    def _fail(self, error: SpeechError) -> None:
        """End the connection with an error, and a session it still holds with it."""
        self.deliver(Failed(error))
        self._discard_session()

    def _wind_down(self, error: SpeechError) -> None:
        """End with an error, after the finals of all audio that was heard."""
        if self._session is None:
            self._fail(error)
        else:
            self._session.end(error)

    def _last_words(self, error: PeerError) -> list[str]:
        words = self._delivery.last_words(error)
        self._discard_session()
        return words

    def _give_up(self, limit: str, why: str) -> None:
        """Drop a peer that does not read: no error frame would reach it."""
        self._log.warning("dropped: %s", why)
        self._shared.metrics.slow_readers.labels(limit).inc()
        self._delivery.finish(SLOW_READER)
        self._abort()
        self._over.set()

    # The end

    def _discard_session(self) -> None:
        """End a session for a mistake of its peer; one that is over stays kept."""
        session = self._session
        if session is not None and not session.over.is_set():
            self._session = None
            self._shared.sessions.forget(session)

    def _leave_session(self) -> LiveSession | None:
        if self._session is not None:
            grace_s = self._limits.resume_grace_s
            self._shared.sessions.keep(self._session, self, grace_s=grace_s)
        return self._session

    def _is_delivered(self, session: LiveSession) -> bool:
        """Tell whether the peer has closed after it got the last message."""
        is_told = session.over.is_set() and self._delivery.is_complete
        is_ours = session.holder is None and not self._closed_first
        return is_told and is_ours and is_answered(self._socket)

    async def _close(self) -> None:
        close_code = self._delivery.close_code
        code = CLOSE_OK if close_code is None else close_code
        reason = self._delivery.close_reason.encode()
        try:
            async with asyncio.timeout(self._limits.send_timeout_s):
                await self._socket.close(code=code, message=reason)
        except TimeoutError:
            self._abort()


def _before_start(item: Audio | Command) -> AudioBeforeStart:
    what = "audio" if isinstance(item, Audio) else type(item).__name__.lower()
    return AudioBeforeStart(f"expected `start` first, got {what}", field="op")
