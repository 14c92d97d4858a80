"""A thousand lost connections, and no word lost or said twice."""

import asyncio
import random
from collections.abc import Callable, Iterator
from itertools import count

import numpy as np
import pytest
import soxr

from tests.e2e.simulated import BreakingNetwork, EchoDecoder
from whispercpp_ws.client.backoff import Backoff
from whispercpp_ws.client.client import TranscriptionClient
from whispercpp_ws.config import Config
from whispercpp_ws.decoding import Samples
from whispercpp_ws.events import (
    AudioFormat,
    Encoding,
    Ended,
    Event,
    Final,
    SessionOptions,
    Start,
)
from whispercpp_ws.metrics import Metrics
from whispercpp_ws.server.app import create_app
from whispercpp_ws.server.keys import SHARED


Encode = Callable[[Samples], bytes]
CUTS_OF_A_RUN = 40
RESUMES_OF_A_FORMAT = 250
"""Of four formats: a thousand."""
RESUMED = "whispercpp_ws_resumed_sessions_total"


async def no_wait(_seconds: float) -> None:
    await asyncio.sleep(0)


AT_ONCE = Backoff(tries=1000, sleep=no_wait, uniform=lambda low, _high: low)


def pieces(pcm: bytes, chance: random.Random) -> Iterator[bytes]:
    """Cut audio anywhere, inside samples too."""
    at = 0
    while at < len(pcm):
        size = chance.choice([1, 333, len(pcm) // 90, len(pcm) // 22])
        yield pcm[at : at + size]
        at += size


async def transcribed(
    audio: AudioFormat, pcm: bytes, *, seed: int, cuts: int
) -> tuple[list[Final], Metrics]:
    """Stream all of it over connections that break; returns what the client got."""
    chance, metrics = random.Random(seed), Metrics()
    app = create_app(Config(), EchoDecoder(chance), metrics)
    network = BreakingNetwork(app[SHARED], chance, cuts=cuts)
    start = Start(SessionOptions(audio=audio, language="en", endpoint_ms=250))
    client = TranscriptionClient(network, "sim://", start, backoff=AT_ONCE)

    async def speak() -> None:
        first, second = len(pcm) // 4, len(pcm) // 2
        for part in (pcm[:first], pcm[first:second], pcm[second:]):
            for piece in pieces(part, chance):
                await client.send_audio(piece)
            await client.flush()
            if part == pcm[:first]:
                await client.hold()
        await client.end()

    async with client:
        await client.open()
        speaking = asyncio.create_task(speak())
        events = [message.event async for message in client]
        await speaking
    await app[SHARED].sessions.aclose()
    return finals_of(events), metrics


def finals_of(events: list[Event]) -> list[Final]:
    finals = [event for event in events if isinstance(event, Final)]
    (last,) = [event for event in events if isinstance(event, Ended)]
    assert last is events[-1]
    assert last.finals == len(finals)
    return finals


def as_pcm16(samples: Samples) -> bytes:
    return bytes((samples * 32767).astype("<i2"))


def as_44_khz_stereo_f32(samples: Samples) -> bytes:
    mono = np.clip(soxr.resample(samples, 16_000, 44_100), -1, 1)
    return bytes(np.repeat(mono.astype("<f4"), 2))


def as_11_khz_pcm16(samples: Samples) -> bytes:
    mono = np.clip(soxr.resample(samples, 16_000, 11_025), -1, 1)
    return as_pcm16(mono.astype(np.float32))


def as_8_khz_mulaw_bytes(samples: Samples) -> bytes:
    """Write any bytes that follow the speech; what they mean is the server's matter."""
    mono = np.clip(soxr.resample(samples, 16_000, 8_000), -1, 1)
    return bytes((mono * 127).astype(np.int8).view(np.uint8) ^ 0x80)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("audio", "encode"),
    [
        (AudioFormat(), as_pcm16),
        (AudioFormat(Encoding.F32LE, 44_100, 2), as_44_khz_stereo_f32),
        (AudioFormat(Encoding.PCM16LE, 11_025), as_11_khz_pcm16),
        (AudioFormat(Encoding.MULAW, 8_000), as_8_khz_mulaw_bytes),
    ],
)
async def test_no_word_is_lost_or_doubled_over_lost_connections(
    jfk_pcm: bytes, audio: AudioFormat, encode: Encode
) -> None:
    samples = np.frombuffer(jfk_pcm, "<i2").astype(np.float32) / np.float32(32768)
    pcm = encode(samples)
    undisturbed, _ = await transcribed(audio, pcm, seed=0, cuts=0)
    assert sum(len(final.words or ()) for final in undisturbed) > 10
    resumed = 0.0
    for seed in count():
        finals, metrics = await transcribed(audio, pcm, seed=seed, cuts=CUTS_OF_A_RUN)
        assert finals == undisturbed
        resumed += metrics.registry.get_sample_value(RESUMED) or 0.0
        if resumed >= RESUMES_OF_A_FORMAT:
            return
