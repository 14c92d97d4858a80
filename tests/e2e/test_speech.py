import asyncio
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import aiohttp
import numpy as np
import pytest
import soxr

from tests.e2e.conftest import RunningServer
from tests.e2e.speaking import Conversation, converse, cut, listen
from whispercpp_ws.decoding import Samples


pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]

Encode = Callable[[Samples], bytes]

SENTENCE = (
    "and so my fellow americans ask not what your country can do for you "
    "ask what you can do for your country"
)


def words(text: str) -> list[str]:
    return re.sub(r"[^\w ]", " ", text.lower()).split()


def wrong_words(text: str) -> int:
    """Count the edits between a text and JFK's sentence (Levenshtein, by words)."""
    heard, row = words(text), list(range(len(words(SENTENCE)) + 1))
    for i, word in enumerate(heard, 1):
        previous, row = row, [i]
        for j, expected in enumerate(words(SENTENCE), 1):
            substituted = previous[j - 1] + (word != expected)
            row.append(min(previous[j] + 1, row[j - 1] + 1, substituted))
    return row[-1]


def start(**fields: object) -> dict[str, object]:
    return {"op": "start", "format": "pcm16le", "rate": 16000, "lang": "en", **fields}


async def test_the_stream_command_prints_partials_while_it_sends(
    server: RunningServer, jfk_wav: Path
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "whispercpp_ws", "stream", str(jfk_wav)),
        *("--url", server.url, "--json"),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    messages = [json.loads(line) for line in out.splitlines()]
    kinds = [message["type"] for message in messages]
    partials = [message for message in messages if message["type"] == "partial"]
    finals = [message for message in messages if message["type"] == "final"]
    assert process.returncode == 0
    assert (kinds[0], kinds[-1]) == ("ready", "end")
    assert len(partials) >= 3
    assert len(partials[2]["text"]) > len(partials[0]["text"])
    assert wrong_words(" ".join(final["text"] for final in finals)) <= 1


async def test_a_vosk_style_browser_client_gets_partials_and_a_final(
    server: RunningServer, jfk_pcm: bytes
) -> None:
    hello = {"op": "start", "format": "pcm16le", "rate": 16000, "channels": 1}
    said = Conversation()
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(server.url) as socket,
    ):
        listener = asyncio.create_task(listen(socket, said))
        await socket.send_json({**hello, "lang": "en"})
        for chunk in cut(jfk_pcm[:96_000], 3200):
            await socket.send_bytes(chunk)
            await asyncio.sleep(0.1)
        async with asyncio.timeout(20):
            await said.has_final.wait()
        await socket.close()
        await listener
    assert said.of("partial")
    assert words(said.text) == words("And so my fellow Americans")


@pytest.mark.parametrize("size", [1, 7, 3200, 10**9])
async def test_any_chunking_gives_the_same_finals(
    server: RunningServer, jfk_pcm: bytes, size: int
) -> None:
    # 3 s keep the 96,000 frames of one byte within a test's time.
    speech = jfk_pcm[:96_000]
    whole = await converse(server.url, start(partials=False), [speech])
    chunked = await converse(server.url, start(partials=False), cut(speech, size))
    texts = [(final["text"], final["ts"], final["te"]) for final in whole.of("final")]
    assert texts
    assert texts == [
        (final["text"], final["ts"], final["te"]) for final in chunked.of("final")
    ]
    assert chunked.close_code == 1000


def resampled(samples: Samples, rate: int) -> Samples:
    converted = np.asarray(soxr.resample(samples, 16000, rate), np.float32)
    return np.clip(converted, np.float32(-1), np.float32(1))


def as_48_khz_stereo(samples: Samples) -> bytes:
    mono = resampled(samples, 48000)
    stereo = np.stack([mono, mono], axis=1)
    return (stereo * 32767).astype("<i2").tobytes()


def as_44_khz_f32(samples: Samples) -> bytes:
    return resampled(samples, 44100).astype("<f4").tobytes()


def as_8_khz_mulaw(samples: Samples) -> bytes:
    """Encode by the formula of G.711: a 14 bit logarithm of the magnitude."""
    pcm = (resampled(samples, 8000) * 32635).astype(int)
    magnitude = np.minimum(np.abs(pcm), 32635) + 132
    exponent = np.floor(np.log2(magnitude)).astype(int) - 7
    mantissa = (magnitude >> (exponent + 3)) & 15
    code = np.where(pcm < 0, 0x80, 0) | (exponent << 4) | mantissa
    return bytes((~code & 0xFF).astype(np.uint8))


@pytest.mark.parametrize(
    ("audio", "encode"),
    [
        ({"format": "pcm16le", "rate": 48000, "channels": 2}, as_48_khz_stereo),
        ({"format": "f32le", "rate": 44100}, as_44_khz_f32),
        ({"format": "mulaw", "rate": 8000}, as_8_khz_mulaw),
    ],
)
async def test_other_formats_of_the_same_speech_give_the_same_words(
    server: RunningServer, jfk_pcm: bytes, audio: dict[str, object], encode: Encode
) -> None:
    samples = np.frombuffer(jfk_pcm, "<i2").astype(np.float32) / np.float32(32768)
    pcm = encode(samples)
    said = await converse(server.url, start(partials=False, **audio), cut(pcm, 65536))
    assert wrong_words(said.text) <= 1
    plain = await converse(server.url, start(partials=False), [jfk_pcm])
    assert words(said.text) == words(plain.text)


async def test_two_clients_at_once_get_what_each_would_get_alone(
    server: RunningServer, jfk_pcm: bytes
) -> None:
    one, two = await asyncio.gather(
        converse(server.url, start(), cut(jfk_pcm, 3200), pace_s=0.05),
        converse(server.url, start(), cut(jfk_pcm[96_000:], 3200), pace_s=0.05),
    )
    alone = await converse(server.url, start(), [jfk_pcm[96_000:]])
    assert wrong_words(one.text) <= 1
    assert two.text == alone.text


async def test_the_language_is_found_when_none_is_given(
    server: RunningServer, jfk_pcm: bytes
) -> None:
    said = await converse(server.url, {"op": "start", "rate": 16000}, [jfk_pcm])
    assert {final["lang"] for final in said.of("final")} == {"en"}
    assert wrong_words(said.text) <= 1


async def test_silence_and_noise_give_no_words(server: RunningServer) -> None:
    hum = np.sin(np.arange(160_000) * 50 * 2 * np.pi / 16000) * 3000
    hiss = np.random.default_rng(1).normal(0, 40, 160_000)
    for sound in (np.zeros(160_000), hum, hiss):
        said = await converse(server.url, start(), [sound.astype("<i2").tobytes()])
        assert said.text == ""
        assert said.messages[-1]["type"] == "end"


def test_the_server_process_itself_stays_small(server: RunningServer) -> None:
    memory_mb = server.process.memory_info().rss / 1e6
    assert memory_mb < 120
    assert len(server.engine_hosts()) == 1
