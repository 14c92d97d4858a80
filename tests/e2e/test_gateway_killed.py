"""The server itself is killed and started again; its clients' words are all there."""

import asyncio
import re
from pathlib import Path

import pytest

from tests.e2e.gateway import Gateway, started
from whispercpp_ws.client.backoff import Backoff
from whispercpp_ws.client.client import TranscriptionClient
from whispercpp_ws.events import Ended, Final, SessionOptions


pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]

OPTIONS = SessionOptions(language="en")
PATIENT = Backoff(longest_s=0.5, tries=1000)
CHUNK_BYTES = 3200


async def heard(gateway: Gateway, pcm: bytes, *, kills: int) -> tuple[list[str], Ended]:
    """Say it all, with a server that is killed after so many finals."""
    url = f"ws://127.0.0.1:{gateway.port}"
    finals: list[Final] = []
    async with await TranscriptionClient.connect(
        url, OPTIONS, backoff=PATIENT
    ) as client:

        async def speak() -> None:
            for at in range(0, len(pcm), CHUNK_BYTES):
                await client.send_audio(pcm[at : at + CHUNK_BYTES])
                await asyncio.sleep(0.05)
            await client.end()

        speaking = asyncio.create_task(speak())
        async for message in client:
            if isinstance(message.event, Final):
                finals.append(message.event)
                if len(finals) == kills:
                    gateway.kill()
                    await asyncio.to_thread(gateway.start)
        await speaking
    assert isinstance(message.event, Ended)
    words = [re.findall(r"[a-z']+", final.text.lower()) for final in finals]
    numbers = [final.utterance for final in finals]
    assert sorted(set(numbers)) == numbers
    return [word for some in words for word in some], message.event


async def test_a_server_killed_in_the_middle_costs_no_word(
    base_model: Path, jfk_pcm: bytes
) -> None:
    with started(base_model.parent) as gateway:
        calm, calm_end = await heard(gateway, jfk_pcm, kills=0)
        wild, wild_end = await heard(gateway, jfk_pcm, kills=1)
    assert wild == calm
    assert wild_end.offset_s == pytest.approx(calm_end.offset_s, abs=0.02)
    assert wild_end.finals == calm_end.finals
