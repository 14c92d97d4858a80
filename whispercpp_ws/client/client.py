"""A client of the native dialect over WebSocket, which survives lost connections."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from types import TracebackType

import aiohttp

from whispercpp_ws.client.backoff import Backoff, Outage
from whispercpp_ws.client.link import (
    DEFAULT_URL,
    RETRYABLE_CLOSE,
    Connector,
    HttpConnector,
    Link,
    full_url,
)
from whispercpp_ws.client.news import News
from whispercpp_ws.client.rebase import Base, Message
from whispercpp_ws.client.replay import Item, ReplayLog
from whispercpp_ws.errors import (
    BadJson,
    ServiceError,
    SpeechError,
    UnknownSession,
)
from whispercpp_ws.events import (
    Acknowledged,
    End,
    Ended,
    Event,
    Failed,
    Flush,
    Hold,
    Ready,
    Reconfigure,
    SessionOptions,
    Start,
)
from whispercpp_ws.protocols import native


__all__ = ["DEFAULT_URL", "Backoff", "Message", "TranscriptionClient"]

MAX_FRAME_BYTES = 64 * 1024
"""Audio frames sent; servers accept 1 MiB, and small frames keep latency even."""

CLOSED = {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED}
DEFAULT_BACKOFF = Backoff()

Note = Callable[[str], None]
AudioBytes = bytes | bytearray | memoryview
"""Samples in memory; a memoryview may also be of numbers, as of an array."""


Messages = AsyncIterator[Message]


def ignore_note(_text: str) -> None:
    """Take the notes of a client that wants none."""


class TranscriptionClient:
    """
    One session on a server, over as many connections as it takes.

    Send and iterate at the same time, from two tasks: a server that nobody listens
    to stops reading, and a lost connection is opened again while one iterates. What
    the server has not settled is sent again then, and no final comes twice; so it is to
    a server that was started anew, in a session that goes on where the lost one was.
    Iteration ends after `Ended` or `Failed`.
    """

    def __init__(
        self,
        connector: Connector,
        url: str,
        start: Start,
        *,
        backoff: Backoff = DEFAULT_BACKOFF,
        note: Note = ignore_note,
    ) -> None:
        self._connector = connector
        self._url = url
        self._start = start
        self._note = note
        self._log = ReplayLog(start.options.audio)
        self._news = News()
        self._outage = Outage(backoff)
        self._link: Link | None = None
        self._session_id: str | None = None
        self._base = Base()
        """Where the server's present session begins in this one."""
        self._begins_anew = False
        """Whether the server has lost the session, and a new one is to go on."""
        self._is_up = False
        self._gate = asyncio.Event()
        """Closed to senders while somebody who iterates connects again."""
        self._gate.set()
        self._is_reading = False
        self._is_over = False

    @classmethod
    async def connect(
        cls,
        url: str,
        options: SessionOptions,
        *,
        token: str | None = None,
        backoff: Backoff = DEFAULT_BACKOFF,
        note: Note = ignore_note,
    ) -> "TranscriptionClient":
        """
        Open a connection and start a session; `Ready` is the first event.

        `note` gets a sentence whenever the connection is lost or there again.

        Raises:
            ServiceError: no server answers there, or it cannot serve now.
            PeerError: it refuses the connection, and will again.
        """
        client = cls.unopened(url, options, token=token, backoff=backoff, note=note)
        try:
            await client.open()
        except SpeechError:
            await client.close()
            raise
        return client

    @classmethod
    def unopened(
        cls,
        url: str,
        options: SessionOptions,
        *,
        token: str | None = None,
        backoff: Backoff = DEFAULT_BACKOFF,
        note: Note = ignore_note,
    ) -> "TranscriptionClient":
        """Make what `connect` makes, for `open` to be called on."""
        start = Start(options, token=token)
        connector = HttpConnector()
        return cls(connector, full_url(url), start, backoff=backoff, note=note)

    async def open(self) -> None:
        """Open the first connection and ask for a session; raises as `connect`."""
        self._link = await self._connector.open(self._url)
        # One that breaks at once is opened again like one that breaks later.
        with suppress(ConnectionError, aiohttp.ClientError):
            await self._link.send_str(native.encode_command(self._start))
            self._is_up = True

    async def send_audio(self, audio: AudioBytes) -> None:
        """
        Send audio of the format that `connect` named, cut anywhere, of any length.

        Waits while the server is behind or away. Raises ServiceError when the session
        is over; iterating tells why.
        """
        octets = memoryview(audio).cast("B")
        for start in range(0, len(octets), MAX_FRAME_BYTES):
            await self._put(bytes(octets[start : start + MAX_FRAME_BYTES]))

    async def flush(self) -> None:
        """Ask for the open utterance to be finished now."""
        await self._put(Flush())

    async def hold(self) -> None:
        """Keep utterances open through silence until the next `flush`."""
        await self._put(Hold())

    async def reconfigure(self, change: Reconfigure) -> None:
        """Change options from the next utterance on."""
        await self._put(change)

    async def end(self) -> None:
        """Say that no more audio comes; the remaining finals and `Ended` follow."""
        await self._put(End())

    async def close(self) -> None:
        """Close the connection; finals not yet received are lost."""
        self._finish()
        if self._link is not None:
            await self._link.close()
        await self._connector.close()

    async def __aenter__(self) -> "TranscriptionClient":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def __aiter__(self) -> AsyncIterator[Message]:
        """
        Yield each message as it comes, once.

        Raises:
            ServiceError: the connection was lost and could not be had again.
            PeerError: the server does not let the client go on.
            BadJson: the server sent something that is not of this dialect.
        """
        self._is_reading = True
        try:
            while not self._is_over:
                if (message := await self._next()) is not None:
                    yield message
        except SpeechError:
            self._finish()
            raise
        finally:
            self._is_reading = False
            self._gate.set()

    # Sending

    async def _put(self, item: Item) -> None:
        """Note and send; what cannot be sent is replayed on the next connection."""
        if self._is_over:
            raise self._lost()
        self._log.add(item)
        if self._link is not None and self._is_up:
            await self._try_to_send(self._link, item)
        await self._gate.wait()

    async def _try_to_send(self, link: Link, item: Item) -> None:
        try:
            await _send(link, item)
        except (ConnectionError, aiohttp.ClientError):
            if link is self._link:
                self._note_down()

    # Receiving

    async def _next(self) -> Message | None:
        """Return the next message that is new, or None after some that is not."""
        assert self._link is not None, "connect() opens one"
        frame = await self._link.receive()
        if frame.type in CLOSED or frame.type is aiohttp.WSMsgType.ERROR:
            message = await self._reconnect()
            is_first = self._session_id is None
            self._take(message.event)
            return message if is_first else None
        message = _message(frame)
        told = self._base.told(message)
        if not self._news.is_new(told.event):
            return None
        self._outage.note_news()
        self._take(message.event)
        return told

    def _take(self, event: Event) -> None:
        if isinstance(event, Ready):
            self._session_id, self._begins_anew = event.session_id, False
        elif isinstance(event, Acknowledged):
            self._log.settle(event.offset_s)
        elif isinstance(event, Ended | Failed):
            self._finish()

    # Connecting again

    async def _reconnect(self) -> Message:
        """Try until a server has taken the session up; returns its `Ready`."""
        error: SpeechError = self._lost()
        self._note_down()
        if self._link is not None and self._link.close_code not in RETRYABLE_CLOSE:
            raise error
        while (wait_s := self._outage.next_wait_s(error.retry_after_s)) is not None:
            self._note(f"{error}; trying again in {wait_s:.1f} s")
            await self._outage.backoff.sleep(wait_s)
            try:
                return await self._resume()
            except UnknownSession as lost:
                error = self._begin_anew(lost)
            except SpeechError as again:
                if not again.retryable:
                    raise
                error = again
        raise error

    async def _resume(self) -> Message:
        """Open a connection, take the session up, and replay what is not settled."""
        if self._link is not None:
            await self._link.close()
        self._link = link = await self._connector.open(self._url)
        try:
            start = self._restart(self._log.settled_s)
            await link.send_str(native.encode_command(start))
            message = _message(await link.receive())
            ready = ready_event(message.event)
            await self._replay(link, ready.offset_s)
        except (ConnectionError, aiohttp.ClientError) as error:
            raise self._lost() from error
        self._is_up = True
        self._gate.set()
        goes_on_s = self._base.offset_s + ready.offset_s
        self._note(f"connected again; the server goes on at {goes_on_s:.1f} s")
        return message

    def _begin_anew(self, lost: UnknownSession) -> ServiceError:
        """Go on in a session of its own; raises what says that this does not help."""
        if self._begins_anew or self._session_id is None:
            raise lost
        self._begins_anew = True
        news = self._news
        # What was said up to the last final has one, acknowledged or not.
        spoken_s = news.final_end_s - self._base.offset_s
        offset_s = max(self._log.settled_s, spoken_s)
        self._log.begin_anew(offset_s)
        offset_s += self._base.offset_s
        self._base = Base(offset_s, news.last_final, news.finals)
        return ServiceError(f"{lost}; a new session goes on at {offset_s:.1f} s")

    def _restart(self, offset_s: float) -> Start:
        """Return what asks for the session again, or for one that goes on with it."""
        if self._session_id is None or self._begins_anew:
            return self._start
        return Start(
            self._start.options,
            token=self._start.token,
            resume=self._session_id,
            offset_s=offset_s,
        )

    async def _replay(self, link: Link, offset_s: float) -> None:
        """Send the log again, with what is added to it meanwhile."""
        if not self._log.can_replay(offset_s):
            raise SpeechError(f"the audio after {offset_s:g} s is no longer kept")
        number = 0
        while number < self._log.next_number:
            until = self._log.next_number
            for item in self._log.after(offset_s, number=number):
                await _send(link, item)
            number = until

    def _note_down(self) -> None:
        self._is_up = False
        if self._is_reading:
            self._gate.clear()

    def _finish(self) -> None:
        self._is_over = True
        self._gate.set()

    def _lost(self) -> ServiceError:
        code = self._link.close_code if self._link is not None else None
        how = f" (close code {code})" if code else ""
        return ServiceError(
            f"the connection to {self._url} was lost before the end of the "
            f"session{how}; the text since the last final is missing"
        )


async def _send(link: Link, item: Item) -> None:
    if isinstance(item, bytes):
        await link.send_bytes(item)
    else:
        await link.send_str(native.encode_command(item))


def ready_event(event: Event) -> Ready:
    """Return the first event of a session; raises the error that came in its place."""
    if isinstance(event, Failed):
        raise event.error
    if not isinstance(event, Ready):
        raise BadJson(f"expected `ready` first, got {type(event).__name__.lower()}")
    return event


def _message(frame: aiohttp.WSMessage) -> Message:
    if frame.type in CLOSED or frame.type is aiohttp.WSMsgType.ERROR:
        raise ConnectionResetError("the server closed the connection")
    if frame.type is not aiohttp.WSMsgType.TEXT:
        raise BadJson(f"expected a text frame from the server, got {frame.type.name}")
    text: str = frame.data
    return Message(native.decode_event(text), text)
