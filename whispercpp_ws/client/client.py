"""A client of the native dialect over WebSocket."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType

import aiohttp

from whispercpp_ws.errors import BadJson, ServiceError, SpeechError
from whispercpp_ws.events import (
    Command,
    End,
    Ended,
    Event,
    Failed,
    Flush,
    Hold,
    SessionOptions,
    Start,
)
from whispercpp_ws.protocols import native


DEFAULT_URL = "ws://127.0.0.1:2700/stt"

MAX_FRAME_BYTES = 64 * 1024
"""Audio frames sent; servers accept 1 MiB, and small frames keep latency even."""

MAX_MESSAGE_BYTES = 1 << 20
"""Messages received; a final of 25 s with words is below 30 kB."""

CONNECT_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 5.0
"""How long the closing handshake may take; the transcript is complete by then."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the server."""

    event: Event
    text: str
    """The frame as it came."""


class TranscriptionClient:
    """
    One session on a server.

    Send and iterate at the same time, from two tasks: a server that nobody listens
    to stops reading. Iteration ends after `Ended` or `Failed`.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        socket: aiohttp.ClientWebSocketResponse,
        url: str,
    ) -> None:
        self._http = http
        self._socket = socket
        self._url = url

    @classmethod
    async def connect(
        cls,
        url: str,
        options: SessionOptions,
        *,
        token: str | None = None,
    ) -> "TranscriptionClient":
        """
        Open a connection and start a session; `Ready` is the first event.

        Raises:
            ServiceError: no server answers there, or it refused the connection.
        """
        http = aiohttp.ClientSession()
        try:
            socket = await _open_socket(http, url)
        except SpeechError:
            await http.close()
            raise
        client = cls(http, socket, url)
        await client._send(Start(options, token=token))
        return client

    async def send_audio(self, audio: bytes) -> None:
        """
        Send audio of the format that `connect` named, cut anywhere, of any length.

        Waits while the server is behind. Raises ServiceError when the connection is
        gone; iterating tells why.
        """
        for start in range(0, len(audio), MAX_FRAME_BYTES):
            try:
                await self._socket.send_bytes(audio[start : start + MAX_FRAME_BYTES])
            except (ConnectionError, aiohttp.ClientError) as error:
                raise self._lost() from error

    async def flush(self) -> None:
        """Ask for the open utterance to be finished now."""
        await self._send(Flush())

    async def hold(self) -> None:
        """Keep utterances open through silence until the next `flush`."""
        await self._send(Hold())

    async def end(self) -> None:
        """Say that no more audio comes; the remaining finals and `Ended` follow."""
        await self._send(End())

    async def close(self) -> None:
        """Close the connection; finals not yet received are lost."""
        await self._socket.close()
        await self._http.close()

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
        Yield each message as it comes.

        Raises:
            ServiceError: the connection was lost before the session's last event.
            BadJson: the server sent something that is not of this dialect.
        """
        async for frame in self._socket:
            message = _message(frame)
            yield message
            if isinstance(message.event, Ended | Failed):
                return
        raise self._lost()

    async def _send(self, command: Command) -> None:
        try:
            await self._socket.send_str(native.encode_command(command))
        except (ConnectionError, aiohttp.ClientError) as error:
            raise self._lost() from error

    def _lost(self) -> ServiceError:
        code = self._socket.close_code
        how = f" (close code {code})" if code else ""
        return ServiceError(
            f"the connection to {self._url} was lost before the end of the "
            f"session{how}; the text since the last final is missing"
        )


async def _open_socket(
    http: aiohttp.ClientSession, url: str
) -> aiohttp.ClientWebSocketResponse:
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            return await http.ws_connect(
                url,
                max_msg_size=MAX_MESSAGE_BYTES,
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S),
            )
    except aiohttp.WSServerHandshakeError as error:
        raise _refused(url, error) from error
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
        raise ServiceError(
            f"{url}: expected an address such as {DEFAULT_URL}", field="url"
        ) from error
    except TimeoutError as error:
        raise _unreachable(url, f"no answer in {CONNECT_TIMEOUT_S:g} s") from error
    except (OSError, aiohttp.ClientError) as error:
        raise _unreachable(url, _reason(error)) from error


def _message(frame: aiohttp.WSMessage) -> Message:
    if frame.type is not aiohttp.WSMsgType.TEXT:
        raise BadJson(f"expected a text frame from the server, got {frame.type.name}")
    text: str = frame.data
    return Message(native.decode_event(text), text)


def _refused(url: str, error: aiohttp.WSServerHandshakeError) -> ServiceError:
    retry = error.headers.get("Retry-After", "") if error.headers else ""
    later = f"; try again in {retry} s" if retry else ""
    return ServiceError(f"{url} refused the connection with HTTP {error.status}{later}")


def _unreachable(url: str, reason: str) -> ServiceError:
    return ServiceError(
        f"no server answers at {url} ({reason}); start one with `whispercpp-ws serve`"
    )


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
