"""
What can go wrong does, while clients stream; every word arrives.

Engines die, freeze and are swapped, corrupt models are loaded, strangers send what is
no message and vanish.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientWebSocketResponse
from aiohttp.test_utils import TestClient, TestServer

from tests.server.peers import Site, finals, rest, start
from whispercpp_ws.config import Config
from whispercpp_ws.engines.base import EngineInfo
from whispercpp_ws.errors import BadModelFile
from whispercpp_ws.metrics import Metrics
from whispercpp_ws.scheduler.child import Heartbeat
from whispercpp_ws.scheduler.fleet import ModelFleet
from whispercpp_ws.scheduler.host import EngineHost, HostLimits
from whispercpp_ws.scheduler.wire import HostSpec
from whispercpp_ws.server.app import create_app


CLIENTS = 4
FRAME_BYTES = 6400
"""200 ms."""
LIMITS = HostLimits(
    first_backoff_s=0.01, heartbeat=Heartbeat(every_s=0.05, silence_s=1.0)
)

STRANGE: tuple[str | bytes, ...] = (
    *("nonsense", "[" * 100_000, '{"op":"start","rate":1e308}', "{" + '"a":{' * 5_000),
    *('{"op":"start","model":"../../etc/passwd"}', '{"op":"\\ud800"}'),
    *(b"\xff" * 4_096, bytes((1 << 20) + 2), bytes(641)),
)
"""What is no message, and audio that is NaN, too large a frame, or cut in a sample."""

Disturb = Callable[[], Awaitable[None]]


class Stage:
    """A server whose engines are real processes, and the newest of them."""

    def __init__(self) -> None:
        self.host: EngineHost
        self.fleet = ModelFleet(self._start)
        self.swaps: list[asyncio.Task[EngineInfo]] = []
        self.site: Site
        self.folder: Path

    async def _start(self, name: str) -> EngineHost:
        if name == "corrupt":
            # A whisper file of six bytes, read by a process of its own.
            spec = HostSpec("whispercpp", name, str(self.folder / "corrupt.bin"))
            return await EngineHost.start(spec)
        self.host = await EngineHost.start(HostSpec("scripted", name), limits=LIMITS)
        return self.host

    async def kill(self) -> None:
        await self._signal(signal.SIGKILL)

    async def freeze(self) -> None:
        await self._signal(signal.SIGSTOP)

    async def swap(self) -> None:
        """Begin one: it ends when the utterances under way do."""
        name = "b" if len(self.swaps) % 2 == 0 else "a"
        self.swaps.append(asyncio.create_task(self.fleet.use(name)))

    async def corrupt(self) -> None:
        """Begin to load a file that is no model."""
        (self.folder / "corrupt.bin").write_bytes(b"lmgg\0\0")
        with pytest.raises(BadModelFile):
            await self.fleet.load("corrupt")

    async def strange(self) -> None:
        """Let strangers send what is no message; each is told, or breaks off."""
        for number, sent in enumerate(STRANGE):
            socket = await self.site.connect()
            if isinstance(sent, str):
                await socket.send_str(sent)
            else:
                await start(socket, format="f32le")
                await socket.send_bytes(sent)
                with contextlib.suppress(ConnectionError):
                    await socket.send_json({"op": "end"})
            if number % 3:
                assert (await rest(socket))[-1]["type"] == "error"
            else:
                connection = socket._response.connection
                assert connection is not None and connection.transport is not None
                connection.transport.abort()

    async def _signal(self, number: signal.Signals) -> None:
        """Hit a process that is up, as often as the engine comes back."""
        await self.host._up.wait()
        # It may be dead already, which is not known here before it is reaped.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.host.pid, number)


@asynccontextmanager
async def on_stage(folder: Path) -> AsyncIterator[Stage]:
    stage = Stage()
    stage.folder = folder
    await stage.fleet.use("a")
    app = create_app(Config(), stage.fleet, Metrics(), models=stage.fleet)
    async with TestClient(TestServer(app)) as client:
        stage.site = Site(app, client, Metrics())
        yield stage
        await asyncio.gather(*stage.swaps)
    await stage.fleet.aclose()


async def said(stage: Stage, speech: bytes, disturb: Disturb | None) -> list[list[str]]:
    """Let all clients speak at once, with a disturbance each second of audio."""
    sockets = [await stage.site.connect() for _ in range(CLIENTS)]
    for socket in sockets:
        await start(socket, lang="en")
    for number, at in enumerate(range(0, len(speech), FRAME_BYTES)):
        for socket in sockets:
            await socket.send_bytes(speech[at : at + FRAME_BYTES])
        if disturb is not None and number % 5 == 4:
            await disturb()
    return await asyncio.gather(*(heard(socket) for socket in sockets))


async def heard(socket: ClientWebSocketResponse) -> list[str]:
    await socket.send_json({"op": "end"})
    messages = await rest(socket)
    assert messages[-1]["type"] == "end", messages[-1]
    assert socket.close_code == 1000
    return finals(messages)


@pytest.fixture
async def undisturbed(jfk_pcm: bytes, tmp_path: Path) -> list[list[str]]:
    async with on_stage(tmp_path) as stage:
        return await said(stage, jfk_pcm, None)


@pytest.mark.parametrize("what", ["kill", "freeze", "swap"])
async def test_no_word_is_lost_or_doubled_by_what_befalls_engines(
    jfk_pcm: bytes, undisturbed: list[list[str]], tmp_path: Path, what: str
) -> None:
    assert all(undisturbed)
    async with on_stage(tmp_path) as stage:
        first = stage.host.pid
        assert await said(stage, jfk_pcm, getattr(stage, what)) == undisturbed
        await asyncio.gather(*stage.swaps)
        assert stage.host.pid != first


@pytest.mark.parametrize("what", ["corrupt", "strange"])
async def test_no_word_is_lost_or_doubled_by_what_is_sent_or_loaded(
    jfk_pcm: bytes, undisturbed: list[list[str]], tmp_path: Path, what: str
) -> None:
    async with on_stage(tmp_path) as stage:
        first = stage.host.pid
        assert await said(stage, jfk_pcm, getattr(stage, what)) == undisturbed
        assert stage.host.pid == first
