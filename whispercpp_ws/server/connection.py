"""
One WebSocket connection: a reader, a session, a writer and its time limits.

One task is always in `receive()`, because aiohttp answers pings only there. Every end
goes through the outbound queue: the last event finishes it, the writer sends what
waits, and then the socket is closed with that event's code.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Coroutine

from whispercpp_ws.access.token import Grant
from whispercpp_ws.errors import (
    AlreadyStarted,
    AudioBeforeStart,
    Draining,
    PeerError,
    SpeechError,
)
from whispercpp_ws.events import (
    Acknowledged,
    AudioFormat,
    Command,
    Ended,
    Event,
    Failed,
    Final,
    Flush,
    Hold,
    Partial,
    Ready,
    Reconfigure,
    SessionOptions,
    Start,
)
from whispercpp_ws.protocols.base import Dialect
from whispercpp_ws.server.arrival import ArrivalTimes
from whispercpp_ws.server.deadlines import Deadlines
from whispercpp_ws.server.inbox import Audio, Inbox, Item, PeerClosed
from whispercpp_ws.server.keys import Shared
from whispercpp_ws.server.negotiate import accepted_options, check_change
from whispercpp_ws.server.outbound import OutboundQueue
from whispercpp_ws.server.pump import Log, SessionDecoder, SessionPump
from whispercpp_ws.server.receiver import FrameReceiver
from whispercpp_ws.server.shedding import Shedding
from whispercpp_ws.server.socket import PeerSocket


LINGER_S = 5.0
"""How long a peer that closed without `end` gets its finals; clients wait 10 s for
the closing handshake."""
CLOSE_OK = 1000
SLOW_READER = 1008
SESSION_ID_BYTES = 12
"""96 random bits: nobody guesses another's session."""


class Connection:
    """Serve one peer in one dialect, from the upgrade to the close frame."""

    def __init__(
        self,
        socket: PeerSocket,
        shared: Shared,
        *,
        dialect: Dialect,
        grant: Grant | None,
        abort: Callable[[], None],
        log: Log,
    ) -> None:
        self._socket = socket
        self._shared = shared
        self._limits = shared.config.limits
        self._dialect = dialect
        self._grant = grant
        self._abort = abort
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._inbox = Inbox(self._limits.max_frame_bytes)
        self._outbound = OutboundQueue(self._limits.outbound_events)
        self._deadlines = Deadlines(self._limits, now_s=self._loop.time())
        self._arrivals = ArrivalTimes()
        self._pump: SessionPump | None = None
        self._over = asyncio.Event()
        self._close_code: int | None = None
        self._close_reason = ""
        socket.last_words = self._last_words

    async def run(self) -> None:
        """Serve until the connection is over; leaves no task behind."""
        receiver = FrameReceiver(
            self._socket,
            dialect=self._dialect,
            inbox=self._inbox,
            deadlines=self._deadlines,
            limits=self._limits,
            metrics=self._shared.metrics,
        )
        jobs = (self._read(receiver), self._work(), self._watch(), self._write())
        tasks = [asyncio.create_task(self._guarded(job)) for job in jobs]
        try:
            await self._over.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._leave_session()
        await self._close()

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
            while True:
                await self._handle(await self._inbox.get())
        except PeerError as error:
            self._fail(error)

    async def _watch(self) -> None:
        while self._pump is None or not self._pump.is_closing:
            now_s = self._loop.time()
            error = self._deadlines.broken(now_s)
            if error is not None:
                self._wind_down(error)
                return
            self._finish_quiet_utterance(now_s)
            await asyncio.sleep(self._deadlines.wait_s(now_s))

    async def _write(self) -> None:
        try:
            while (text := await self._outbound.get()) is not None:
                async with asyncio.timeout(self._limits.send_timeout_s):
                    await self._socket.send_str(text)
        except ConnectionError:
            self._log.info("the peer is gone")
        except TimeoutError:
            self._give_up(
                "the peer took no frame for %g s", self._limits.send_timeout_s
            )
        self._over.set()

    # What the peer sends

    async def _handle(self, item: Item) -> None:
        if isinstance(item, PeerError):
            raise item
        if isinstance(item, PeerClosed):
            self._linger()
        elif isinstance(item, Start):
            self._start(item)
        elif self._pump is None:
            raise _before_start(item)
        elif isinstance(item, Audio):
            await self._hear(self._pump, item)
        else:
            self._command(self._pump, item)

    def _start(self, start: Start) -> None:
        if self._pump is not None:
            raise AlreadyStarted("expected one `start` per connection, got another")
        if self._grant is None and self._shared.tokens.is_required:
            self._grant = self._shared.tokens.check(start.token)
        info = self._shared.info_for(start.options.model)
        options = accepted_options(start, info)
        session_id = secrets.token_urlsafe(SESSION_ID_BYTES)
        self._pump = self._open_pump(options, session_id)
        self._inbox.limit_bytes = self._inbox_bytes(options.audio)
        self._note_start()
        self._emit(Ready(session_id, options.model or info.model, options.language))

    def _open_pump(self, options: SessionOptions, session_id: str) -> SessionPump:
        metrics = self._shared.metrics
        metrics.sessions.inc()
        return SessionPump(
            self._shared.open_session(options),
            audio=options.audio,
            decoder=SessionDecoder(
                self._shared.decoder,
                session_id,
                metrics=metrics,
                log=self._log,
                shedding=Shedding(
                    self._shared.load,
                    session_id=session_id,
                    step_ms=self._shared.config.streaming.step_ms,
                ),
            ),
            arrivals=self._arrivals,
            pause_backlog_s=self._limits.pause_backlog_s,
            emit=self._emit,
            note_pause=self._note_pause,
        )

    def _inbox_bytes(self, audio: AudioFormat) -> int:
        """Return how much audio waits here before the socket is no longer read."""
        wanted = int(self._limits.pause_backlog_s * audio.rate * audio.frame_bytes)
        return min(wanted, self._limits.max_frame_bytes)

    def _note_start(self) -> None:
        now_s, expires_s = self._loop.time(), None
        if self._grant is not None:
            expires_s = now_s + self._grant.expires_at - time.time()
        self._deadlines.note_start(now_s=now_s, expires_s=expires_s)

    async def _hear(self, pump: SessionPump, audio: Audio) -> None:
        before_s = pump.received_s
        await pump.hear(audio.data, arrived_s=audio.arrived_s)
        self._shared.metrics.audio_s.inc(max(0.0, pump.received_s - before_s))

    def _command(self, pump: SessionPump, command: Command) -> None:
        if isinstance(command, Reconfigure):
            check_change(command, self._shared.info_for(command.model or ""))
            pump.reconfigure(command)
        elif isinstance(command, Flush):
            pump.flush()
        elif isinstance(command, Hold):
            pump.hold()
        else:
            pump.end()

    def _linger(self) -> None:
        """Finish for a peer that has closed its side but may still read."""
        if self._pump is None:
            self._over.set()
            return
        self._pump.end()
        self._loop.call_later(LINGER_S, self._over.set)

    def _finish_quiet_utterance(self, now_s: float) -> None:
        pump = self._pump
        if pump is None or not pump.utterance_open or not self._inbox.is_empty:
            return
        if self._deadlines.is_quiet(now_s):
            pump.flush()

    def _note_pause(self, is_paused: bool) -> None:
        now_s = self._loop.time()
        if is_paused:
            self._deadlines.note_pause(now_s=now_s)
        else:
            self._deadlines.note_resume(now_s=now_s)

    # What the peer gets

    def _emit(self, event: Event) -> None:
        """Queue an event; the first last one ends the connection, later ones vanish."""
        if self._close_code is not None:
            return
        dropped = self._outbound.dropped
        self._outbound.put(event, self._frames(event))
        self._shared.metrics.dropped_partials.inc(self._outbound.dropped - dropped)
        if isinstance(event, Acknowledged):
            self._arrivals.forget(event.offset_s)
        if isinstance(event, Ended):
            self._finish(CLOSE_OK)
        elif isinstance(event, Failed):
            self._note_failure(event.error)
            self._finish(event.error.close_code)
        elif self._outbound.is_overfull:
            self._give_up("the peer lets %d events wait", self._limits.outbound_events)

    def _frames(self, event: Event) -> list[str]:
        kind = type(event).__name__.lower()
        self._shared.metrics.events.labels(kind).inc()
        lag_ms = None
        if isinstance(event, Partial | Final):
            lag_ms = self._arrivals.lag_ms(event.end_s, now_s=self._loop.time())
        if lag_ms is not None:
            self._shared.metrics.lag_s.labels(kind).observe(lag_ms / 1000)
        return self._dialect.send_event(event, lag_ms=lag_ms)

    def _fail(self, error: SpeechError) -> None:
        self._emit(Failed(error))

    def _wind_down(self, error: SpeechError) -> None:
        """End with an error, after the finals of all audio that was heard."""
        if self._pump is None:
            self._fail(error)
        else:
            self._pump.end(error)

    def _last_words(self, error: PeerError) -> list[str]:
        """Return the error frame for framing that aiohttp closes for."""
        if self._close_code is not None:
            return []
        self._note_failure(error)
        self._finish(error.close_code)
        return self._frames(Failed(error))

    def _note_failure(self, error: SpeechError) -> None:
        self._shared.metrics.errors.labels(error.code).inc()
        self._close_reason = error.code
        self._log.info("the session ended with %s", error.code)

    def _finish(self, close_code: int) -> None:
        self._close_code = close_code
        self._outbound.finish()

    def _give_up(self, what: str, limit: float) -> None:
        """Drop a peer that does not read: no error frame would reach it."""
        self._log.warning("dropped: " + what, limit)
        self._finish(SLOW_READER)
        self._abort()
        self._over.set()

    # The end

    async def _leave_session(self) -> None:
        if self._pump is not None:
            self._shared.metrics.sessions.dec()
            await self._pump.close()

    async def _close(self) -> None:
        code = CLOSE_OK if self._close_code is None else self._close_code
        try:
            async with asyncio.timeout(self._limits.send_timeout_s):
                await self._socket.close(code=code, message=self._close_reason.encode())
        except TimeoutError:
            self._abort()


def _before_start(item: Audio | Command) -> AudioBeforeStart:
    what = "audio" if isinstance(item, Audio) else type(item).__name__.lower()
    return AudioBeforeStart(f"expected `start` first, got {what}", field="op")
