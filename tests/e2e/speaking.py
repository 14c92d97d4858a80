"""Talk to a server as a foreign client would: aiohttp and JSON, no package code."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import aiohttp


Message = dict[str, Any]


def cut(pcm: bytes, size: int) -> Iterable[bytes]:
    """Cut bytes into chunks of one size."""
    return (pcm[start : start + size] for start in range(0, len(pcm), size))


class Conversation:
    """What a server said, and how it closed."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.close_code: int | None = None
        self.has_final = asyncio.Event()

    def of(self, kind: str) -> list[Message]:
        return [message for message in self.messages if message["type"] == kind]

    @property
    def text(self) -> str:
        return " ".join(final["text"] for final in self.of("final"))


async def listen(
    socket: aiohttp.ClientWebSocketResponse, said: Conversation
) -> Conversation:
    """Collect every message until the server closes."""
    async for frame in socket:
        said.messages.append(json.loads(frame.data))
        if said.messages[-1]["type"] == "final":
            said.has_final.set()
    said.close_code = socket.close_code
    return said


async def converse(
    url: str,
    start: Message,
    chunks: Iterable[bytes],
    *,
    pace_s: float = 0.0,
    end: bool = True,
    said: Conversation | None = None,
) -> Conversation:
    """Send a whole conversation and return the server's side of it, kept in `said`."""
    said = said or Conversation()
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
        listener = asyncio.create_task(listen(socket, said))
        await socket.send_json(start)
        for chunk in chunks:
            await socket.send_bytes(chunk)
            await asyncio.sleep(pace_s)
        if end:
            await socket.send_json({"op": "end"})
        return await listener
