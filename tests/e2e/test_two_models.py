import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.e2e.conftest import RunningServer, start_server
from tests.e2e.speaking import Conversation, converse, cut


pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]

START = {"op": "start", "format": "pcm16le", "rate": 16000, "lang": "en"}


@pytest.fixture(scope="module")
def two_models(base_model: Path, tiny_en_model: Path) -> Iterator[RunningServer]:
    """A server that decodes finals with base and partials with tiny.en."""
    assert base_model.parent == tiny_en_model.parent
    yield from start_server(base_model.parent, "--partial-model", "tiny.en")


def hosts(server: RunningServer) -> tuple[psutil.Process, psutil.Process]:
    """Return the engine processes of finals and of partials, as they were started."""
    large, small = sorted(server.engine_hosts(), key=psutil.Process.create_time)
    return large, small


def computed_s(process: psutil.Process) -> float:
    """Add up what an engine's process and its lanes computed, ended ones included."""
    lanes = process.children()
    return sum(
        p.cpu_times().user + p.cpu_times().children_user for p in (process, *lanes)
    )


async def spoken(server: RunningServer, pcm: bytes, lang: str) -> Conversation:
    """Talk for as long as the recording lasts."""
    hello = {**START, "lang": lang}
    return await converse(server.url, hello, cut(pcm, 3200), pace_s=0.1)


async def test_partials_are_decoded_by_the_small_model_and_finals_by_the_large(
    two_models: RunningServer, jfk_pcm: bytes
) -> None:
    before = [computed_s(host) for host in hosts(two_models)]
    said = await spoken(two_models, jfk_pcm[:96_000], "en")
    after = [computed_s(host) for host in hosts(two_models)]
    assert {ready["model"] for ready in said.of("ready")} == {"base-q8_0"}
    assert said.of("partial")
    assert "fellow americans" in said.text.lower()
    assert all(end > start for start, end in zip(before, after, strict=True))


async def test_partials_in_a_language_the_small_model_lacks_are_the_large_ones(
    two_models: RunningServer, jfk_pcm: bytes
) -> None:
    _, small = hosts(two_models)
    before_s = computed_s(small)
    said = await spoken(two_models, jfk_pcm[:192_000], "ru")
    assert said.of("partial")
    # Signs of life take a few milliseconds, a single partial of tiny.en 0.1 s.
    assert computed_s(small) == pytest.approx(before_s, abs=0.08)


async def test_deaths_of_the_small_model_cost_partials_and_no_final(
    two_models: RunningServer, jfk_pcm: bytes
) -> None:
    _, first = hosts(two_models)
    talk = asyncio.create_task(spoken(two_models, jfk_pcm, "en"))
    while not talk.done():
        # It may be away: the server is starting its successor.
        with contextlib.suppress(ValueError, psutil.NoSuchProcess):
            hosts(two_models)[1].kill()
        await asyncio.wait([talk], timeout=0.5)
    said = await talk
    assert not said.of("error")
    assert said.close_code == 1000
    assert said.text.lower().count("what") == 2
    assert first not in two_models.engine_hosts()
