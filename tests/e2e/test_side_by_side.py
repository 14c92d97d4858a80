"""Two dialects at once on one server do not disturb each other."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from scripts.bench.adapters.dialects import CLIENTS, Ports
from tests.e2e.conftest import free_port, start_server
from tests.e2e.test_speech import wrong_words
from whispercpp_ws.decoding import Samples


pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def ports(base_model: Path) -> Iterator[Ports]:
    """Start a server with every port there is, which lets everybody in."""
    wyoming, whisperlive = free_port(), free_port()
    options = ["--wyoming-port", str(wyoming), "--whisperlive-port", str(whisperlive)]
    options += ["--max-load", "100", "--language", "en"]
    for server in start_server(base_model.parent, *options):
        yield Ports(server.port, wyoming, whisperlive)


@pytest.fixture
def samples(jfk_pcm: bytes) -> Samples:
    return np.frombuffer(jfk_pcm, "<i2").astype(np.float32) / np.float32(32768)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Vosk", "Deepgram"),
        ("OpenAI Realtime", "Wyoming"),
        ("WhisperLive", "WhisperLiveKit"),
        ("native", "whisper.cpp"),
        ("OpenAI audio", "Vosk"),
        ("AssemblyAI", "Deepgram"),
    ],
)
async def test_two_dialects_hear_the_same_clip_at_once(
    ports: Ports, samples: Samples, one: str, other: str
) -> None:
    texts = await asyncio.gather(
        CLIENTS[one](ports, samples, "en"), CLIENTS[other](ports, samples, "en")
    )
    assert [wrong_words(text) <= 1 for text in texts] == [True, True], texts
