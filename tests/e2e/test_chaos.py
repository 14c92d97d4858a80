import asyncio
import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.e2e.conftest import RunningServer, start_server
from tests.e2e.speaking import Conversation, converse, cut
from whispercpp_ws.client.admin import change_model
from whispercpp_ws.errors import ModelNotInCatalog


pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]

START = {"op": "start", "format": "pcm16le", "rate": 16000, "lang": "en"}
CLIENTS = 2
BETWEEN_KILLS_S = 2.0


@pytest.fixture
def small_server(tiny_en_model: Path) -> Iterator[RunningServer]:
    """A server with the smallest model, so that two streams fit a small machine."""
    yield from start_server(tiny_en_model.parent, "--model", "tiny.en")


async def speak(
    server: RunningServer, pcm: bytes, talks: list[Conversation]
) -> list[Conversation]:
    talking = (
        converse(server.url, START, cut(pcm, 3200), pace_s=0.1, said=said)
        for said in talks
    )
    return await asyncio.gather(*talking)


async def kill_engines(server: RunningServer, talks: list[Conversation]) -> None:
    """Kill every engine process, each time after it has decoded something."""
    decoded = 0
    while True:
        await asyncio.sleep(BETWEEN_KILLS_S)
        texts = sum(len(said.of("partial") + said.of("final")) for said in talks)
        if texts > decoded:
            decoded = texts
            for host in server.engine_hosts():
                with contextlib.suppress(psutil.NoSuchProcess):
                    host.kill()


def fresh() -> list[Conversation]:
    return [Conversation() for _ in range(CLIENTS)]


def words(conversation: Conversation) -> list[str]:
    return re.findall(r"[a-z']+", conversation.text.lower())


async def test_an_engine_killed_every_2_s_costs_no_session_and_no_word(
    small_server: RunningServer, jfk_pcm: bytes
) -> None:
    calm = await speak(small_server, jfk_pcm, fresh())
    first = small_server.engine_hosts()
    wild = fresh()
    killer = asyncio.create_task(kill_engines(small_server, wild))
    try:
        await speak(small_server, jfk_pcm, wild)
    finally:
        killer.cancel()
    assert small_server.engine_hosts() != first
    assert [said.close_code for said in wild] == [1000] * CLIENTS
    assert [words(said) for said in wild] == [words(said) for said in calm]
    assert words(calm[0])[:5] == ["and", "so", "my", "fellow", "americans"]


@pytest.mark.usefixtures("base_model")
async def test_models_are_swapped_under_streams_without_a_gap(
    small_server: RunningServer, jfk_pcm: bytes
) -> None:
    http = f"http://127.0.0.1:{small_server.port}"
    talking = asyncio.create_task(speak(small_server, jfk_pcm, fresh()))
    for name in ("base-q8_0", "tiny.en-q8_0", "base-q8_0"):
        loaded = await change_model(http, "use", name)
        assert [model.name for model in loaded] == [name]
    with pytest.raises(ModelNotInCatalog):
        await change_model(http, "use", "unheard-of")
    for said in await talking:
        assert said.close_code == 1000
        assert words(said)[:5] == ["and", "so", "my", "fellow", "americans"]
        assert words(said)[-3:] == ["for", "your", "country"]
