"""A disk that fills up under a server's log takes no session and no word with it."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import psutil
import pytest

from tests.e2e.conftest import RunningServer, free_port
from tests.e2e.speaking import converse, cut


FULL = Path("/dev/full")
START = {"op": "start", "rate": 16000, "lang": "en"}

pytestmark = pytest.mark.skipif(not FULL.exists(), reason="there is no full disk")


@pytest.fixture
def server_on_a_full_disk() -> Iterator[RunningServer]:
    """Start a server that can write nothing of what it says and logs."""
    port = free_port()
    command = [sys.executable, "-m", "whispercpp_ws", "serve", "--port", str(port)]
    command += ["--engine", "scripted", "--lanes", "2", "--log-level", "debug"]
    with (
        FULL.open("w") as full,
        subprocess.Popen(command, stdout=full, stderr=full) as process,
    ):
        yield RunningServer(port, psutil.Process(process.pid))
        process.terminate()
        assert process.wait(30) == 0


async def is_up(server: RunningServer) -> None:
    async with aiohttp.ClientSession() as http:
        while server.process.is_running():
            try:
                await (await http.get(server.url.replace("ws", "http", 1))).read()
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)
            else:
                return
    pytest.fail("the server did not start")


async def test_a_server_whose_log_cannot_be_written_serves_and_stops_as_ever(
    server_on_a_full_disk: RunningServer, jfk_pcm: bytes
) -> None:
    server = server_on_a_full_disk
    await is_up(server)
    # It logs that.
    for host in server.engine_hosts():
        host.kill()
    said = await converse(server.url, START, cut(jfk_pcm[:96_000], 3200), pace_s=0.02)
    assert said.close_code == 1000
    assert said.text.split()[:2] == ["one", "two"]
