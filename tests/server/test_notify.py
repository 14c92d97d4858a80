"""systemd hears what it asks for, and nothing else depends on it."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.peers import ScriptedDecoder
from whispercpp_ws.config import Config, ListenConfig
from whispercpp_ws.metrics import Metrics
from whispercpp_ws.server import notify
from whispercpp_ws.server.app import create_app
from whispercpp_ws.server.notify import ADDRESS, WATCHDOG, Supervisor, supervised
from whispercpp_ws.server.run import run_app


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets")


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    """Listen where a supervisor would."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        yield listener


async def told(systemd: socket.socket) -> str:
    async with asyncio.timeout(10):
        data = await asyncio.get_running_loop().sock_recv(systemd, 100)
    return data.decode()


def environment(systemd: socket.socket, **more: str) -> dict[str, str]:
    return {ADDRESS: systemd.getsockname(), **more}


def never_silent() -> float:
    return 0.0


async def test_a_server_says_when_it_is_ready_and_when_it_stops(
    systemd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ADDRESS, systemd.getsockname())
    app = create_app(Config(), ScriptedDecoder(), Metrics())
    running = asyncio.create_task(
        run_app(app, ListenConfig(port=0), on_listening=lambda _port: None)
    )
    assert await told(systemd) == "READY=1"
    os.kill(os.getpid(), signal.SIGTERM)
    assert await told(systemd) == "STOPPING=1"
    assert await running


async def test_signs_of_life_come_while_the_loop_runs(systemd: socket.socket) -> None:
    supervisor = Supervisor(environment(systemd, **{WATCHDOG: "40000"}))
    async with supervised(supervisor, never_silent):
        assert await told(systemd) == "READY=1"
        assert [await told(systemd) for _ in range(3)] == ["WATCHDOG=1"] * 3


async def test_a_loop_that_lags_behind_gives_no_sign_of_life(
    systemd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "MOST_LAG_S", 0.1)
    supervisor = Supervisor(environment(systemd, **{WATCHDOG: "40000"}))
    async with supervised(supervisor, never_silent):
        assert await told(systemd) == "READY=1"
        for _ in range(3):
            await asyncio.sleep(0)
            # What it does wrong is done here: it blocks.
            time.sleep(0.2)  # noqa: ASYNC251
            with pytest.raises(BlockingIOError):
                systemd.recv(100)


async def test_a_server_whose_decodes_never_end_gives_no_sign_of_life(
    systemd: socket.socket,
) -> None:
    silences = iter([0.0, notify.MOST_SILENCE_S, notify.MOST_SILENCE_S, 0.0])
    asked: list[float] = []

    def silent_s() -> float:
        asked.append(next(silences, 0.0))
        return asked[-1]

    supervisor = Supervisor(environment(systemd, **{WATCHDOG: "40000"}))
    async with supervised(supervisor, silent_s):
        assert await told(systemd) == "READY=1"
        for heard, looked in ((1, 1), (2, 4)):
            assert await told(systemd) == "WATCHDOG=1", heard
            assert len(asked) == looked


@pytest.mark.parametrize("name", ["", "/nonexistent/socket", "@whispercpp-ws-nobody"])
async def test_who_was_not_started_by_systemd_serves_all_the_same(name: str) -> None:
    async with supervised(Supervisor({ADDRESS: name, WATCHDOG: "soon"}), never_silent):
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has abstract sockets")
async def test_a_name_with_an_at_sign_is_an_abstract_socket() -> None:
    name = f"whispercpp-ws-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0{name}")
        listener.setblocking(False)
        Supervisor({ADDRESS: f"@{name}"}).tell("READY=1")
        assert await told(listener) == "READY=1"
