"""Serve Wyoming: a TCP port, its framing, and the connection every dialect has."""

import asyncio
import json
import logging
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from aiohttp import WSMessage, WSMsgType

from whispercpp_ws import __version__
from whispercpp_ws.errors import ConfigError, PeerError, SpeechError
from whispercpp_ws.protocols.wyoming import Served, WyomingDialect
from whispercpp_ws.server.connection import Connection
from whispercpp_ws.server.entry import admitted
from whispercpp_ws.server.keys import Shared
from whispercpp_ws.server.pump import Log
from whispercpp_ws.server.websocket import serve_connection


MAX_HEADER_BYTES = 65_536
"""Of the line, and of the data after it; a `describe` has 40."""
_LOGGER = logging.getLogger(__name__)


class WyomingSocket:
    """Wyoming's framing over TCP, as the frames of a WebSocket."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        max_payload_bytes: int,
    ) -> None:
        self.last_words: Callable[[PeerError], list[str]] | None = None
        self.close_code: int | None = None
        self._reader = reader
        self._writer = writer
        self._max_payload_bytes = max_payload_bytes
        self._payload: bytes | None = None
        self._chunk_data: object = None

    async def receive(self) -> WSMessage:
        """Wait for the next event, or for its bytes; an end is a close frame."""
        if self._payload is not None:
            payload, self._payload = self._payload, None
            return WSMessage(WSMsgType.BINARY, payload, None)
        try:
            text = await self._next_event()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.close_code = 1000
            return WSMessage(WSMsgType.CLOSE, 1000, None)
        except (ValueError, RecursionError, asyncio.LimitOverrunError):
            # The dialect says what is wrong with a text that is no event.
            text = ""
        if text is None:
            return await self.receive()
        return WSMessage(WSMsgType.TEXT, text, None)

    async def send_str(self, text: str) -> None:
        """Send one event, its data within the line."""
        self._writer.write(f"{text}\n".encode())
        await self._writer.drain()

    async def answer(self, ping: bytes) -> None:
        """Do nothing: no event of these is a ping."""

    async def probe(self) -> bool:
        """Say that nothing can be asked for."""
        return False

    async def close(self, *, code: int, message: bytes) -> bool:
        """Close the connection; codes are not told."""
        self._writer.close()
        return True

    async def _next_event(self) -> str | None:
        """Read an event; None for a chunk that says what the one before said."""
        header = _object(json.loads(await self._reader.readuntil(b"\n")))
        data = _object(header.get("data") or {})
        if size := _size(header, "data_length", MAX_HEADER_BYTES):
            data = data | _object(json.loads(await self._reader.readexactly(size)))
        if size := _size(header, "payload_length", self._max_payload_bytes):
            self._payload = await self._reader.readexactly(size)
        if header.get("type") == "audio-chunk":
            is_known, self._chunk_data = data == self._chunk_data, data
            if is_known and self._payload is not None:
                return None
        return json.dumps({"type": header.get("type"), "data": data})


def _object(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ValueError("expected an object")
    return value


def _size(header: dict[str, object], name: str, limit: int) -> int:
    size = header.get(name) or 0
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= limit:
        raise ValueError(f"{name}: expected 0 to {limit}")
    return size


@asynccontextmanager
async def wyoming_listening(shared: Shared, host: str, port: int) -> AsyncIterator[int]:
    """
    Serve Wyoming clients within the block, which gets the bound port.

    Raises:
        ConfigError: the address is taken or not ours.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _serve(shared, reader, writer)
        except SpeechError as error:
            _LOGGER.info("a Wyoming client was refused: %s", error.code)
        finally:
            writer.close()

    try:
        server = await asyncio.start_server(serve, host, port, limit=MAX_HEADER_BYTES)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror or error}; "
            "choose another with --wyoming-port",
            field="wyoming_port",
        ) from error
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        # No wait_closed(): from Python 3.12 on it waits for the peers too.
        server.close()


async def _serve(
    shared: Shared, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    info = shared.decoder.info
    limits = replace(shared.config.limits, resume_grace_s=0)
    with admitted(shared) as entry:
        socket = WyomingSocket(reader, writer, max_payload_bytes=limits.max_frame_bytes)
        served = Served(info.model, info.languages, __version__)
        connection = Connection(
            socket,
            shared,
            dialect=WyomingDialect(served, shared.defaults),
            limits=limits,
            entry=entry,
            abort=writer.transport.abort,
            log=Log(_LOGGER, {"request_id": secrets.token_hex(8)}),
        )
        await serve_connection(connection, shared)
