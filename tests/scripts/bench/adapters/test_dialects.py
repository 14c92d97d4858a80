"""Each client of a dialect, on a server whose engine says fixed words."""

from collections.abc import AsyncIterator

import numpy as np
import pytest

from scripts.bench.adapters.dialects import CLIENTS, Ports
from scripts.bench.adapters.process import free_port
from scripts.bench.words import plain_words
from tests.server.peers import ScriptedDecoder
from whispercpp_ws.config import Config, ListenConfig
from whispercpp_ws.decoding import Samples
from whispercpp_ws.metrics import Metrics
from whispercpp_ws.server.app import create_app
from whispercpp_ws.server.run import listening


@pytest.fixture
async def ports() -> AsyncIterator[Ports]:
    listen = ListenConfig(
        port=0, wyoming_port=free_port(), whisperlive_port=free_port()
    )
    app = create_app(Config(listen=listen), ScriptedDecoder(), Metrics())
    async with listening(app, listen) as port:
        yield Ports(port, listen.wyoming_port, listen.whisperlive_port)


@pytest.fixture
def samples(jfk_pcm: bytes) -> Samples:
    whole = np.frombuffer(jfk_pcm, "<i2").astype(np.float32) / np.float32(32768)
    return whole[: 4 * 16_000]


@pytest.mark.parametrize("name", CLIENTS)
async def test_every_dialect_hears_the_same(
    ports: Ports, samples: Samples, name: str
) -> None:
    text = await CLIENTS[name](ports, samples, "en")
    native = await CLIENTS["native"](ports, samples, "en")
    assert plain_words(native)[:3] == ("one", "two", "three")
    assert plain_words(text) == plain_words(native)
