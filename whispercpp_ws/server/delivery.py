"""What a peer gets: events as frames, in order, until the last one."""

import asyncio

from whispercpp_ws.config import LimitConfig
from whispercpp_ws.errors import PeerError, SpeechError
from whispercpp_ws.events import Ended, Event, Failed
from whispercpp_ws.metrics import Metrics
from whispercpp_ws.protocols.base import Dialect
from whispercpp_ws.server.outbound import OutboundQueue
from whispercpp_ws.server.pump import Log
from whispercpp_ws.server.socket import FrameSocket


CLOSE_OK = 1000


class Delivery:
    """Translate, count and queue events; the first last one decides the close code."""

    def __init__(
        self, dialect: Dialect, *, limits: LimitConfig, metrics: Metrics, log: Log
    ) -> None:
        self._dialect = dialect
        self._queue = OutboundQueue(limits.outbound_events)
        self._send_timeout_s = limits.send_timeout_s
        self._metrics = metrics
        self._log = log
        self.close_code: int | None = None
        """What the socket is to be closed with, once that is decided."""
        self.close_reason = ""
        self.is_complete = False
        """Whether every frame up to the last has been taken by the socket."""

    @property
    def is_overfull(self) -> bool:
        """Whether the peer lets more wait than it may."""
        return self._queue.is_overfull

    def put(self, event: Event, lag_ms: int | None = None) -> None:
        """Queue an event; after a last one, nothing more is taken."""
        if self.close_code is not None:
            return
        dropped = self._queue.dropped
        self._queue.put(event, self._frames(event, lag_ms))
        self._metrics.dropped_partials.inc(self._queue.dropped - dropped)
        if isinstance(event, Ended):
            self.finish(CLOSE_OK)
        elif isinstance(event, Failed):
            self._note_failure(event.error)
            self.finish(event.error.close_code)

    def finish(self, close_code: int) -> None:
        """Take no more; what waits is still written."""
        self.close_code = close_code
        self._queue.finish()

    def last_words(self, error: PeerError) -> list[str]:
        """Return the error frame for framing that aiohttp closes for."""
        if self.close_code is not None:
            return []
        self._note_failure(error)
        self.finish(error.close_code)
        return self._frames(Failed(error), None)

    async def write(self, socket: FrameSocket) -> None:
        """
        Write frames until the last one.

        Raises:
            ConnectionError: the peer is gone. TimeoutError: it takes no frame.
        """
        while (text := await self._queue.get()) is not None:
            async with asyncio.timeout(self._send_timeout_s):
                await socket.send_str(text)
        self.is_complete = True

    def _frames(self, event: Event, lag_ms: int | None) -> list[str]:
        kind = type(event).__name__.lower()
        self._metrics.events.labels(kind).inc()
        if lag_ms is not None:
            self._metrics.lag_s.labels(kind).observe(lag_ms / 1000)
        return self._dialect.send_event(event, lag_ms=lag_ms)

    def _note_failure(self, error: SpeechError) -> None:
        self._metrics.errors.labels(error.code).inc()
        self.close_reason = error.code
        self._log.info("the session ended with %s", error.code)
