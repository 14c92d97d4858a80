"""Lost connections over real sockets: the words are those of a quiet line."""

import asyncio
import random

import pytest

from tests.e2e.conftest import RunningServer
from tests.e2e.proxy import CuttingProxy
from tests.e2e.simulated import EchoDecoder
from whispercpp_ws.client.backoff import Backoff
from whispercpp_ws.client.client import TranscriptionClient
from whispercpp_ws.config import Config, ListenConfig
from whispercpp_ws.events import Ended, Final, SessionOptions
from whispercpp_ws.metrics import Metrics
from whispercpp_ws.server.app import create_app
from whispercpp_ws.server.run import listening


OPTIONS = SessionOptions(language="en")
SOON = Backoff(first_s=0.001, longest_s=0.01, tries=1000)
CHUNK_BYTES = 3200


async def transcribed(url: str, pcm: bytes, *, pace_s: float) -> list[Final]:
    """Stream audio in chunks of 100 ms and return the finals."""
    connecting = TranscriptionClient.connect(url, OPTIONS, backoff=SOON)
    async with await connecting as client:

        async def speak() -> None:
            for at in range(0, len(pcm), CHUNK_BYTES):
                await client.send_audio(pcm[at : at + CHUNK_BYTES])
                await asyncio.sleep(pace_s)
            await client.end()

        speaking = asyncio.create_task(speak())
        events = [message.event async for message in client]
        await speaking
    assert isinstance(events[-1], Ended)
    return [event for event in events if isinstance(event, Final)]


def plain(finals: list[Final]) -> list[tuple[str, float, float]]:
    return [(final.text, final.start_s, final.end_s) for final in finals]


@pytest.mark.parametrize("seed", [1, 2])
async def test_sixty_connections_cut_at_random_bytes_lose_and_double_no_word(
    jfk_pcm: bytes, seed: int
) -> None:
    metrics = Metrics()
    app = create_app(Config(), EchoDecoder(random.Random(seed)), metrics)
    async with listening(app, ListenConfig(port=0)) as port:
        quiet = await transcribed(f"ws://127.0.0.1:{port}/stt", jfk_pcm, pace_s=0)
        proxy = CuttingProxy(
            port, random.Random(seed), cuts=60, within_bytes=len(jfk_pcm) // 3
        )
        while proxy.cuts_left:
            async with proxy.running() as url:
                heard = await transcribed(url, jfk_pcm, pace_s=0.001)
            assert plain(heard) == plain(quiet)
    resumed = metrics.registry.get_sample_value("whispercpp_ws_resumed_sessions_total")
    # A cut after the last message needs no resuming.
    assert resumed is not None
    assert resumed >= 50


@pytest.mark.model
@pytest.mark.timeout(180)
async def test_a_line_cut_mid_sentence_changes_no_word_of_the_real_model(
    server: RunningServer, jfk_pcm: bytes
) -> None:
    quiet = await transcribed(server.url, jfk_pcm, pace_s=0.05)
    proxy = CuttingProxy(
        server.port, random.Random(4), cuts=4, within_bytes=len(jfk_pcm) // 2
    )
    async with proxy.running() as url:
        heard = await transcribed(url, jfk_pcm, pace_s=0.05)
    assert proxy.cuts_left == 0
    assert [final.text for final in heard] == [final.text for final in quiet]
    assert "what your country can do for you" in " ".join(f.text for f in heard).lower()
