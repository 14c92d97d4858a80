"""What a real process does with open streams when it is told to stop."""

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.conftest import RunningServer, start_server
from tests.e2e.proxy import CuttingProxy


START = {"op": "start", "rate": 16000, "lang": "en"}


@pytest.fixture
def scripted_server(tmp_path: Path) -> Iterator[RunningServer]:
    """Start a server without a model; it must exit with 0."""
    yield from start_server(tmp_path, "--engine", "scripted", "--lanes", "8")


async def test_sigterm_gives_every_open_stream_its_finals_and_1001(
    scripted_server: RunningServer, jfk_pcm: bytes
) -> None:
    async with aiohttp.ClientSession() as http:
        sockets = [await http.ws_connect(scripted_server.url) for _ in range(5)]
        for socket in sockets:
            await socket.send_json(START)
            await socket.send_bytes(jfk_pcm[:48_000])
            assert json.loads(await socket.receive_str())["type"] == "ready"
            assert json.loads(await socket.receive_str())["type"] == "speech"
        scripted_server.process.terminate()
        for socket in sockets:
            said = [json.loads(frame.data) async for frame in socket]
            kinds = [message["type"] for message in said]
            assert "final" in kinds
            assert (kinds[-1], said[-1]["code"]) == ("error", "draining")
            assert socket.close_code == 1001
    assert await asyncio.to_thread(scripted_server.process.wait, 25) == 0


async def test_a_second_signal_ends_it_though_an_engine_is_frozen(
    jfk_pcm: bytes, tmp_path: Path
) -> None:
    starting = start_server(tmp_path, "--engine", "scripted", "--drain", "600")
    server = next(starting)
    (host,) = server.engine_hosts()
    host.suspend()
    async with aiohttp.ClientSession() as http:
        socket = await http.ws_connect(server.url)
        await socket.send_json(START)
        await socket.send_bytes(jfk_pcm[:48_000])
        assert json.loads(await socket.receive_str())["type"] == "ready"
        server.process.terminate()
        ready = f"http://127.0.0.1:{server.port}/health/ready"
        while (await http.get(ready)).status == 200:
            pass
        server.process.terminate()
        # It says by its status that a session was cut.
        assert await asyncio.to_thread(server.process.wait, 20) == 1
    assert not host.is_running()
    assert list(starting) == []


async def test_the_stream_command_says_when_it_loses_and_finds_the_server(
    scripted_server: RunningServer, jfk_wav: Path
) -> None:
    proxy = CuttingProxy(
        scripted_server.port, random.Random(3), cuts=1, within_bytes=100_000
    )
    async with proxy.running() as url:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "whispercpp_ws", "stream", str(jfk_wav), "--fast"),
            *("--url", url, "--lang", "en"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, err = await process.communicate()
    assert process.returncode == 0, err
    assert b"was lost" in err
    assert b"connected again; the server goes on at" in err
    assert out.splitlines()[-1].startswith(b"one two")
