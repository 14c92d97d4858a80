"""What the server tests talk through: decoders that misbehave, clients that collect."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientWebSocketResponse, WSMsgType, web
from aiohttp.test_utils import TestClient

from whispercpp_ws.config import Config, LimitConfig
from whispercpp_ws.decoding import DecodeRequest, Priority
from whispercpp_ws.engines.base import EngineInfo
from whispercpp_ws.engines.scripted import DEFAULT_WORDS, ScriptedEngine
from whispercpp_ws.errors import SpeechError
from whispercpp_ws.metrics import Metrics
from whispercpp_ws.server.keys import SHARED, Shared
from whispercpp_ws.transcript import Hypothesis


Message = dict[str, Any]


class ScriptedDecoder:
    """Decode at once on the scripted engine; fail first as often as told."""

    partial_info: EngineInfo | None = None

    def __init__(
        self,
        words: Sequence[str] = DEFAULT_WORDS,
        *,
        failures: list[Exception] | None = None,
        failing: Priority | None = None,
        model: str = "base-q8_0",
    ) -> None:
        self.requests: list[DecodeRequest] = []
        self._engine = ScriptedEngine(words, model=model)
        self._lane = self._engine.open_lane()
        self._failures = failures or []
        self._failing = failing

    @property
    def info(self) -> EngineInfo:
        return self._engine.info

    async def decode(self, session_id: str, request: DecodeRequest) -> Hypothesis:
        self.requests.append(request)
        if self._failures and self._failing in {None, request.priority}:
            raise self._failures.pop(0)
        return self._lane.decode(request)


class BlockedDecoder(ScriptedDecoder):
    """Answer nothing until `gate` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.asked = asyncio.Event()

    async def decode(self, session_id: str, request: DecodeRequest) -> Hypothesis:
        self.asked.set()
        await self.gate.wait()
        return await super().decode(session_id, request)


def always(error: SpeechError) -> list[Exception]:
    """Return more failures than any test has decodes."""
    return [error] * 1000


@dataclass(frozen=True)
class Site:
    """A running server and a client of it."""

    app: web.Application
    client: TestClient[web.Request, web.Application]
    metrics: Metrics

    @property
    def shared(self) -> Shared:
        return self.app[SHARED]

    async def connect(
        self,
        *,
        headers: dict[str, str] | None = None,
        protocols: tuple[str, ...] = (),
        autoping: bool = True,
    ) -> ClientWebSocketResponse:
        return await self.client.ws_connect(
            "/stt", headers=headers, protocols=protocols, autoping=autoping
        )

    def value(self, name: str, **labels: str) -> float:
        """Return a metric's value; 0 when it was never touched."""
        full = f"whispercpp_ws_{name}"
        return self.metrics.registry.get_sample_value(full, labels) or 0.0


async def start(socket: ClientWebSocketResponse, **fields: Any) -> Message:
    """Open a session and return the answer."""
    await socket.send_json({"op": "start", "rate": 16_000, **fields})
    return await next_message(socket)


async def vanish(socket: ClientWebSocketResponse, site: Site) -> None:
    """Break a connection without a close frame, and wait for the server to see it."""
    assert socket._response.connection is not None
    transport = socket._response.connection.transport
    assert transport is not None
    transport.abort()
    await site.shared.all_left.wait()


async def next_message(socket: ClientWebSocketResponse) -> Message:
    """Return the next JSON message."""
    message: Message = json.loads(await socket.receive_str())
    return message


async def wait_for(socket: ClientWebSocketResponse, kind: str) -> Message:
    """Skip messages until one of a type comes."""
    while (message := await next_message(socket))["type"] != kind:
        pass
    return message


async def rest(socket: ClientWebSocketResponse) -> list[Message]:
    """Collect messages until the server closes."""
    messages = []
    while (frame := await socket.receive()).type is WSMsgType.TEXT:
        messages.append(json.loads(frame.data))
    return messages


def kinds(messages: list[Message]) -> list[str]:
    """Return the types of messages, without repetitions in a row."""
    found = [message["type"] for message in messages]
    return [kind for i, kind in enumerate(found) if i == 0 or found[i - 1] != kind]


def finals(messages: list[Message]) -> list[str]:
    """Return the texts of the finals."""
    return [m["text"] for m in messages if m["type"] == "final"]


def limited(**limits: Any) -> Config:
    return Config(limits=LimitConfig(**limits))


async def say(
    socket: ClientWebSocketResponse, audio: bytes, *, frame_bytes: int = 3200
) -> None:
    for at in range(0, len(audio), frame_bytes):
        await socket.send_bytes(audio[at : at + frame_bytes])
