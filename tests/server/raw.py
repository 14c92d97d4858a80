"""A WebSocket client of few lines that can break every rule (RFC 6455)."""

import asyncio
import os
import socket
import struct
from dataclasses import dataclass

from aiohttp.test_utils import TestServer


TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9
HANDSHAKE = (
    "GET /stt HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@dataclass
class RawPeer:
    """A connection after the upgrade."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def connect(
        cls, server: TestServer, *, receive_buffer: int = 65_536
    ) -> "RawPeer":
        assert server.port is not None
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        raw.connect(("127.0.0.1", server.port))
        reader, writer = await asyncio.open_connection(sock=raw, limit=receive_buffer)
        writer.write(HANDSHAKE.encode())
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        return cls(reader, writer)

    def send(self, opcode: int, payload: bytes) -> None:
        size, mask = len(payload), os.urandom(4)
        head = bytes([0x80 | opcode, 0x80 | (size if size < 126 else 127)])
        length = b"" if size < 126 else struct.pack("!Q", size)
        repeated = mask * (size // 4 + 1)
        masked = bytes(a ^ b for a, b in zip(payload, repeated, strict=False))
        self.writer.write(head + length + mask + masked)

    async def receive(self) -> tuple[int, bytes]:
        opcode, size = await self.reader.readexactly(2)
        if size == 126:
            (size,) = struct.unpack("!H", await self.reader.readexactly(2))
        return opcode & 15, await self.reader.readexactly(size)

    async def until_close(self) -> tuple[list[str], int]:
        """Return the text frames before the close frame, and its code."""
        texts = []
        while (frame := await self.receive())[0] != CLOSE:
            texts.append(frame[1].decode())
        (code,) = struct.unpack("!H", frame[1][:2])
        self.writer.close()
        await self.writer.wait_closed()
        return texts, code
