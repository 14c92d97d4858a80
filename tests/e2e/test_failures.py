import asyncio
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import psutil
import pytest

from tests.e2e.conftest import RunningServer, start_server
from tests.e2e.speaking import converse


pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]

START = {"op": "start", "format": "pcm16le", "rate": 16000, "lang": "en"}


async def test_an_engine_that_is_killed_is_replaced(
    server: RunningServer, jfk_pcm: bytes
) -> None:
    for host in server.engine_hosts():
        host.kill()
    said = await converse(server.url, START, [jfk_pcm[:96_000]])
    assert said.of("final")
    assert said.close_code == 1000


@pytest.fixture
def fragile_server(tiny_en_model: Path, tmp_path: Path) -> Iterator[RunningServer]:
    """A server on a copy of the smallest model, which a test may damage."""
    copied = tmp_path / tiny_en_model.name
    copied.write_bytes(tiny_en_model.read_bytes())
    yield from start_server(tmp_path, "--model", "tiny.en")


async def test_a_file_damaged_on_disk_is_an_error_frame_and_not_a_dead_server(
    fragile_server: RunningServer, tmp_path: Path, jfk_pcm: bytes
) -> None:
    model = tmp_path / "ggml-tiny.en-q8_0.bin"
    sound = model.read_bytes()
    model.write_bytes(sound[: len(sound) // 2])
    for host in fragile_server.engine_hosts():
        host.kill()
        await asyncio.to_thread(psutil.wait_procs, [host], 10)
    said = await converse(fragile_server.url, START, [jfk_pcm[:96_000]])
    assert [error["code"] for error in said.of("error")] == ["bad_model_file"]
    assert said.close_code == 1011
    assert fragile_server.process.is_running()
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"http://127.0.0.1:{fragile_server.port}/health/live") as answer,
    ):
        assert answer.status == 200
