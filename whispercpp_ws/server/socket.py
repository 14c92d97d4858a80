"""aiohttp's server socket, with a last word before it closes by itself."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from aiohttp import WSCloseCode, WSMessage, web

from whispercpp_ws.config import LimitConfig
from whispercpp_ws.errors import BadJson, FrameTooLarge, PeerError


CLOSE_TIMEOUT_S = 5.0
"""How long a peer may take to answer our close frame."""
PROBE_TIMEOUT_S = 0.5
"""How long a ping may wait behind frames that the peer has not taken."""
SEND_BUFFER_BYTES = 128 * 1024
"""Kernel memory for frames a slow reader has not taken; Linux would use 4 MB. It
holds 400 partials."""
SUBPROTOCOLS = ("bearer",)
"""Selected when offered as "bearer, <token>": browsers fail without a selection, and
aiohttp logs the whole offer, token included, when it knows none of it."""


class FrameSocket(Protocol):
    """What a connection needs of its socket."""

    last_words: Callable[[PeerError], list[str]] | None

    @property
    def close_code(self) -> int | None:
        """Return the code of the peer's close frame; 1006 or None without one."""
        ...

    async def receive(self) -> WSMessage:
        """Wait for the next frame, or the news that there will be none."""
        ...

    async def send_str(self, text: str) -> None:
        """Send one text frame; raises ConnectionError."""
        ...

    async def answer(self, ping: bytes) -> None:
        """Send the pong to a ping of the peer's."""
        ...

    async def probe(self) -> bool:
        """Ask the peer for a pong; False where the protocol has none."""
        ...

    async def close(self, *, code: int, message: bytes) -> bool:
        """Send a close frame and wait for the peer's."""
        ...


class PeerSocket(web.WebSocketResponse):
    """
    A socket that reads frames up to twice our limit, so that we can say the limit.

    `last_words` gives the text to send before aiohttp closes a connection because the
    peer broke the framing; None or nothing to say sends none.
    """

    def __init__(
        self, limits: LimitConfig, subprotocols: tuple[str, ...] = SUBPROTOCOLS
    ) -> None:
        super().__init__(
            timeout=CLOSE_TIMEOUT_S,
            # The close frame is answered after the finals, by the connection.
            autoclose=False,
            # Pongs are read too: they tell a quiet peer from one that is cut off.
            autoping=False,
            heartbeat=limits.heartbeat_s,
            protocols=subprotocols,
            # A zlib window per connection costs more than small JSON frames save.
            compress=False,
            max_msg_size=2 * limits.max_frame_bytes,
        )
        self._limits = limits
        self.last_words: Callable[[PeerError], list[str]] | None = None

    async def answer(self, ping: bytes) -> None:
        """Send the pong to a ping of the peer's, if it is still there."""
        with suppress(ConnectionError):
            await self.pong(ping)

    async def probe(self) -> bool:
        """Ask the peer for a pong; one that takes no frame will give none either."""
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                await self.ping()
        return True

    async def close(
        self, *, code: int = WSCloseCode.OK, message: bytes = b"", drain: bool = True
    ) -> bool:
        """Close, after an error frame where aiohttp closes for the peer's framing."""
        reason = framing_error(code, self._limits)
        if reason is not None and self.last_words is not None and not self.closed:
            with suppress(ConnectionError):
                for text in self.last_words(reason):
                    await self.send_str(text)
        try:
            return await super().close(code=code, message=message, drain=drain)
        finally:
            self.stop_heartbeat()

    def stop_heartbeat(self) -> None:
        """
        Ask no more whether the peer is there.

        aiohttp starts its timers again when the peer's close frame comes in, and never
        stops them for a peer that vanished; they hold the request for a minute.
        """
        self._cancel_heartbeat()


def is_answered(socket: FrameSocket) -> bool:
    """Tell whether a closed socket got the peer's close frame."""
    return socket.close_code not in {None, WSCloseCode.ABNORMAL_CLOSURE}


def bound_send_buffer(transport: asyncio.BaseTransport) -> None:
    """Keep the kernel from buffering megabytes for a peer that does not read."""
    raw = transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)


def framing_error(code: int, limits: LimitConfig) -> PeerError | None:
    """Return the error for a close code that aiohttp itself decides on."""
    if code == WSCloseCode.MESSAGE_TOO_BIG:
        return too_large(limits)
    if code == WSCloseCode.INVALID_TEXT:
        return BadJson("expected text frames in UTF-8, got other bytes")
    return None


def too_large(limits: LimitConfig) -> FrameTooLarge:
    """Return the error that names the frame limit."""
    return FrameTooLarge(
        f"expected frames of at most {limits.max_frame_bytes} bytes, got a larger one; "
        "cut the audio into smaller frames"
    )
