"""`connect`: live speech-to-text in a few lines."""

import asyncio
from collections.abc import AsyncIterable, Iterable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TypedDict, Unpack

from whispercpp_ws.client.backoff import Backoff
from whispercpp_ws.client.client import (
    DEFAULT_BACKOFF,
    AudioBytes,
    Messages,
    Note,
    TranscriptionClient,
    ignore_note,
    ready_event,
)
from whispercpp_ws.client.link import CLOSE_TIMEOUT_S, DEFAULT_URL
from whispercpp_ws.client.unread import Heard, Unread
from whispercpp_ws.errors import ServiceError, SpeechError, UnknownFormat
from whispercpp_ws.events import (
    AudioFormat,
    Encoding,
    Failed,
    Final,
    Partial,
    Ready,
    Reconfigure,
    SessionOptions,
    SpeechEnded,
    SpeechStarted,
    Warned,
)


READY_TIMEOUT_S = 30.0
"""A server answers `start` at once; one that does not is none of ours."""


class Changes(TypedDict, total=False):
    """What may also be changed between utterances, with `set`."""

    lang: str | Sequence[str]
    """ISO 639-1 code, "auto", or a list of codes to choose from."""
    model: str
    """Name of a model that the server has loaded."""
    prompt: str
    """Earlier text that steers spelling and style."""
    words: bool
    """Whether finals carry words with times (true)."""
    partials: bool
    """Whether partials are sent (true)."""
    endpoint_ms: int
    """Silence that ends an utterance, 200 to 5000 ms."""


class Options(Changes, total=False):
    """What `connect` takes; whatever is left out is up to the server."""

    rate: int
    """Samples per second and channel of the audio sent, 8000 to 192000 (16000)."""
    channels: int
    """Interleaved channels, 1 to 8; they are averaged (1)."""
    format: str
    """pcm16le, f32le, mulaw or alaw (pcm16le)."""
    translate: bool
    """Write English whatever is spoken (false)."""


def connect(
    url: str = DEFAULT_URL,
    *,
    token: str | None = None,
    backoff: Backoff = DEFAULT_BACKOFF,
    note: Note = ignore_note,
    **options: Unpack[Options],
) -> "LiveTranscript":
    """
    Open a session: `async with connect("ws://127.0.0.1:2700", lang="ru") as stt:`.

    An address without a path means `/stt`. A lost connection is opened again as
    `backoff` says, and `note` gets a sentence about it. `Options` has the rest.

    Raises:
        UnknownFormat: `format` is none of the four.

    Entering the block raises:
        ServiceError: no server answers there, or it cannot serve now.
        PeerError: it refuses, as for a wrong token or language.
    """
    client = TranscriptionClient.unopened(
        url, _session_options(options), token=token, backoff=backoff, note=note
    )
    return LiveTranscript(client)


class LiveTranscript:
    """
    A session that is sent audio and iterated for events: partials, finals and others.

    Sending and iterating may happen in one task or in two, in any order: what comes
    meanwhile is kept, of partials the newest. Iteration ends after `end` and the last
    final, and raises what ended the session otherwise. Leaving the block says `end`
    when nobody has, and closes; events not yet read are dropped.
    """

    ready: Ready
    """Name, model and language of the session, once the block is entered."""

    def __init__(self, client: TranscriptionClient) -> None:
        self._client = client
        self._unread = Unread()
        self._reader: asyncio.Task[None] | None = None
        self._sender: asyncio.Task[None] | None = None
        self._is_ended = False

    async def __aenter__(self) -> "LiveTranscript":
        try:
            await self._client.open()
            messages = aiter(self._client)
            self.ready = await _first(messages)
        except BaseException:
            await self._client.close()
            raise
        self._reader = asyncio.create_task(self._read(messages))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await _stop(self._sender)
            if kind is None:
                with suppress(SpeechError, TimeoutError):
                    async with asyncio.timeout(CLOSE_TIMEOUT_S):
                        await self.end()
            await _stop(self._reader)
        finally:
            await self._client.close()
        if kind is None:
            _raise_failure(self._sender)
            _raise_failure(self._reader)

    async def send_audio(self, audio: AudioBytes) -> None:
        """
        Send audio of the format agreed on, cut anywhere, of any length.

        Waits while the server is behind or away. Raises ServiceError when the session
        is over; iterating tells why.
        """
        self._refuse_after_end()
        await self._client.send_audio(audio)

    def send(self, source: AsyncIterable[AudioBytes] | Iterable[AudioBytes]) -> None:
        """
        Send what a source gives in the background, block by block, then `end`.

        One that has to wait for its audio should be asynchronous. What it raises,
        iterating raises after the last event.
        """
        self._refuse_after_end()
        if self._sender is not None:
            raise RuntimeError("expected one send() for each session, got a second")
        self._sender = asyncio.create_task(self._feed(source))

    async def flush(self) -> None:
        """Ask for the open utterance to be finished now."""
        await self._client.flush()

    async def hold(self) -> None:
        """Keep utterances open through silence until the next `flush`."""
        await self._client.hold()

    async def set(self, **changes: Unpack[Changes]) -> None:
        """Change options from the next utterance on."""
        language, candidates = _languages(changes.get("lang"))
        await self._client.reconfigure(
            Reconfigure(
                language=language,
                candidates=candidates,
                model=changes.get("model"),
                prompt=changes.get("prompt"),
                words=changes.get("words"),
                partials=changes.get("partials"),
                endpoint_ms=changes.get("endpoint_ms"),
            )
        )

    async def end(self) -> None:
        """Say that no more audio comes; iterate on for the remaining finals."""
        if not self._is_ended:
            self._is_ended = True
            await self._client.end()

    def __aiter__(self) -> "LiveTranscript":
        return self

    async def __anext__(self) -> Heard:
        event = await self._unread.get()
        if event is None:
            await _stop(self._sender)
            _raise_failure(self._sender)
            raise StopAsyncIteration
        return event

    async def _feed(
        self, source: AsyncIterable[AudioBytes] | Iterable[AudioBytes]
    ) -> None:
        # Why a session is over is told to whoever iterates.
        with suppress(ServiceError):
            try:
                async for block in _asynchronous(source):
                    await self._client.send_audio(block)
            finally:
                await self.end()

    async def _read(self, messages: Messages) -> None:
        reason: Exception | None = ServiceError("the session was closed")
        try:
            async for message in messages:
                event = message.event
                if isinstance(event, Failed):
                    raise event.error
                if isinstance(
                    event, SpeechStarted | SpeechEnded | Partial | Final | Warned
                ):
                    await self._unread.put(event)
            reason = None
        except SpeechError as error:
            reason = error
        finally:
            self._unread.close(reason)

    def _refuse_after_end(self) -> None:
        if self._is_ended:
            raise RuntimeError("expected audio before end(), got it afterwards")


async def _first(messages: Messages) -> Ready:
    try:
        async with asyncio.timeout(READY_TIMEOUT_S):
            return ready_event((await anext(messages)).event)
    except TimeoutError as error:
        raise ServiceError(
            f"expected `ready`, got nothing in {READY_TIMEOUT_S:g} s"
        ) from error


async def _asynchronous(
    source: AsyncIterable[AudioBytes] | Iterable[AudioBytes],
) -> AsyncIterable[AudioBytes]:
    if isinstance(source, AsyncIterable):
        async for block in source:
            yield block
        return
    for block in source:
        yield block
        # Sending may not wait for anything; the events must come in all the same.
        await asyncio.sleep(0)


async def _stop(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.wait([task])


def _raise_failure(task: asyncio.Task[None] | None) -> None:
    """Raise what a task that has ended by itself failed with."""
    if task is not None and not task.cancelled():
        task.result()


def _session_options(options: Options) -> SessionOptions:
    default = SessionOptions()
    language, candidates = _languages(options.get("lang"))
    return SessionOptions(
        audio=_audio_format(options),
        language=language or default.language,
        candidates=candidates or (),
        model=options.get("model", default.model),
        words=options.get("words", default.words),
        partials=options.get("partials", default.partials),
        prompt=options.get("prompt", default.prompt),
        translate=options.get("translate", default.translate),
        endpoint_ms=options.get("endpoint_ms", default.endpoint_ms),
    )


def _audio_format(options: Options) -> AudioFormat:
    name = options.get("format", Encoding.PCM16LE.value)
    if name not in (known := [member.value for member in Encoding]):
        raise UnknownFormat.expected("format", f"one of {', '.join(known)}", name)
    default = AudioFormat()
    return AudioFormat(
        Encoding(name),
        rate=options.get("rate", default.rate),
        channels=options.get("channels", default.channels),
    )


def _languages(
    lang: str | Sequence[str] | None,
) -> tuple[str | None, tuple[str, ...] | None]:
    """Split what is one language from what is a list to choose from."""
    if lang is None or isinstance(lang, str):
        return lang, None
    return None, tuple(lang)
