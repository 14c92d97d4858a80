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
STREAMS = 4
BETWEEN_KILLS_S = 2.0


@pytest.fixture
def small_server(tiny_en_model: Path) -> Iterator[RunningServer]:
    """A server with the smallest model, that takes more streams than it should."""
    options = ("--model", "tiny.en", "--max-load", "100")
    yield from start_server(tiny_en_model.parent, *options)


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


def fresh(count: int = CLIENTS) -> list[Conversation]:
    return [Conversation() for _ in range(count)]


def split(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def words(conversation: Conversation) -> list[str]:
    return split(conversation.text)


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


def heard(conversation: Conversation) -> list[list[str]]:
    """Return the words of each final, in order."""
    return [split(final["text"]) for final in conversation.of("final")]


@pytest.mark.usefixtures("base_model")
async def test_models_are_swapped_under_streams_and_each_utterance_has_one(
    small_server: RunningServer, jfk_pcm: bytes
) -> None:
    http = f"http://127.0.0.1:{small_server.port}"
    calm = {}
    for name in ("tiny.en-q8_0", "base-q8_0"):
        await change_model(http, "use", name)
        calm[name] = heard((await speak(small_server, jfk_pcm, fresh()))[0])
    talks = fresh(STREAMS)
    talking = asyncio.create_task(speak(small_server, jfk_pcm, talks))
    for name in ("tiny.en-q8_0", "base-q8_0"):
        loaded = await change_model(http, "use", name)
        assert [model.name for model in loaded] == [name]
    with pytest.raises(ModelNotInCatalog):
        await change_model(http, "use", "unheard-of")
    await talking
    either = list(zip(*calm.values(), strict=True))
    for said in talks:
        assert said.close_code == 1000
        for words_of_one, choices in zip(heard(said), either, strict=True):
            assert words_of_one in choices
