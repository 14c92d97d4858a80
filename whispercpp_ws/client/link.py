"""One connection to a server: open it, and say clearly why it cannot be had."""

import asyncio
from typing import Protocol
from urllib.parse import urlsplit

import aiohttp

from whispercpp_ws.errors import (
    OriginRefused,
    PeerError,
    ServiceError,
    SpeechError,
    Unauthorized,
)


DEFAULT_URL = "ws://127.0.0.1:2700/stt"
NATIVE_PATH = "/stt"

MAX_MESSAGE_BYTES = 1 << 20
"""Messages received; a final of 25 s with words is below 30 kB."""

CONNECT_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 5.0
"""How long the closing handshake may take; the transcript is complete by then."""
HEARTBEAT_S = 80.0
"""A server that answers no ping for half of that is gone. One that waits for decodes
reads nothing, pings included, for 30 s at most."""
RETRYABLE_STATUS = {408, 429}
"""HTTP statuses below 500 of requests that may work later."""
RETRYABLE_CLOSE = {None, 1001, 1006, 1011, 1012, 1013, 1014}
"""Close codes of RFC 6455 §7.4 and the IANA registry that mean "gone" and "later"."""


def full_url(url: str) -> str:
    """Return the address of the native dialect on a server named without a path."""
    parts = urlsplit(url)
    if parts.netloc and parts.path in ("", "/"):
        return parts._replace(path=NATIVE_PATH).geturl()
    return url


class Link(Protocol):
    """What the client needs of a WebSocket."""

    @property
    def close_code(self) -> int | None:
        """Return the code it was closed with, if it was."""
        ...

    async def send_str(self, data: str) -> None:
        """Send a text frame; raises ConnectionError or aiohttp.ClientError."""
        ...

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary frame; raises ConnectionError or aiohttp.ClientError."""
        ...

    async def receive(self) -> aiohttp.WSMessage:
        """Wait for the next frame, or the news that there will be none."""
        ...

    async def close(self) -> bool:
        """Close it."""
        ...


class Connector(Protocol):
    """Whoever opens connections."""

    async def open(self, url: str) -> Link:
        """
        Open a connection.

        Raises:
            ServiceError: no server answers, or it cannot serve now.
            PeerError: it refuses, and will again.
        """
        ...

    async def close(self) -> None:
        """Open no more."""
        ...


class HttpConnector:
    """Open WebSockets with aiohttp."""

    def __init__(self) -> None:
        self._http: aiohttp.ClientSession | None = None

    async def open(self, url: str) -> Link:
        """Open a connection; raises what `Connector.open` says."""
        if self._http is None:
            self._http = aiohttp.ClientSession()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                return await self._http.ws_connect(
                    url,
                    max_msg_size=MAX_MESSAGE_BYTES,
                    heartbeat=HEARTBEAT_S,
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

    async def close(self) -> None:
        """Close the pool of connections."""
        if self._http is not None:
            await self._http.close()


def _refused(url: str, error: aiohttp.WSServerHandshakeError) -> SpeechError:
    retry = error.headers.get("Retry-After", "") if error.headers else ""
    later = f"; try again in {retry} s" if retry else ""
    text = f"{url} refused the connection with HTTP {error.status}{later}"
    if error.status in RETRYABLE_STATUS or not 400 <= error.status < 500:
        refusal = ServiceError(text)
        refusal.retry_after_s = retry_after_s(retry)
        return refusal
    return {401: Unauthorized, 403: OriginRefused}.get(error.status, PeerError)(text)


def retry_after_s(header: str) -> int:
    """Read the seconds of a Retry-After; 0 of a date, which no server of ours sends."""
    return int(header) if header.isascii() and header.isdigit() else 0


def _unreachable(url: str, reason: str) -> ServiceError:
    return ServiceError(
        f"no server answers at {url} ({reason}); start one with `whispercpp-ws serve`"
    )


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
