"""People who speak to a server at real-time pace, and what each of them gets."""

import asyncio
import json
import re
import sys
import time
import wave
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from statistics import quantiles
from typing import Any

import aiohttp

from scripts.bench.adapters.ours import LISTENING
from scripts.bench.adapters.process import ServerProcess
from whispercpp_ws.cli.pacing import paced


SPEECH = Path("tests/data/jfk.wav")
FRAME_S = 0.1
STAGGER_S = 0.7
"""Between two speakers; no multiple of it is a multiple of the recording's length."""
PAUSE_S = 1.5
"""Of silence after each reading, longer than any endpoint."""
FINALS_S = 120.0
"""For what is still to be decoded after the end of the audio."""

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Speech:
    """What is said."""

    pcm: bytes
    rate: int

    def frames(self, seconds: float) -> Iterator[bytes]:
        """Cut it, said again and again with pauses between, into frames."""
        size = 2 * round(FRAME_S * self.rate)
        said = self.pcm + bytes(2 * round(PAUSE_S * self.rate))
        pieces = [said[at : at + size] for at in range(0, len(said), size)]
        yield from islice(cycle(pieces), round(seconds / FRAME_S))


def read_speech(path: Path = SPEECH) -> Speech:
    """Read a recording of 16-bit mono."""
    with wave.open(str(path)) as file:
        return Speech(file.readframes(file.getnframes()), file.getframerate())


@dataclass
class Heard:
    """What one speaker got."""

    refused_s: float | None = None
    """How long the refusal took; None for one who was let in."""
    retry_after: str = ""
    close_code: int | None = None
    started_s: float = 0.0
    messages: list[tuple[float, Message]] = field(default_factory=list)
    """With the seconds since the first sample was spoken."""

    def of(self, kind: str) -> list[tuple[float, Message]]:
        """Return the messages of a type."""
        return [one for one in self.messages if one[1]["type"] == kind]

    @property
    def is_complete(self) -> bool:
        """Whether the session ended well and said as many finals as it counted."""
        ends = self.of("end")
        is_over = self.close_code == 1000 and len(ends) == 1
        return is_over and ends[0][1]["finals"] == len(self.of("final"))

    @property
    def words(self) -> list[list[str]]:
        """The words of each final, in order."""
        texts = (final["text"].lower() for _, final in self.of("final"))
        return [re.findall(r"[a-z']+", text) for text in texts]

    def final_delays_s(self) -> list[float]:
        """Return, for each final, the time since its speech ended."""
        return [at_s - final["te"] for at_s, final in self.of("final")]

    def first_partial_delays_s(self) -> list[float]:
        """Return, for each utterance, the time from its start to its first text."""
        first: dict[int, float] = {}
        for at_s, partial in self.of("partial"):
            first.setdefault(partial["utterance"], at_s - partial["ts"])
        return list(first.values())


@asynccontextmanager
async def serving(
    flags: Sequence[str], log: Path
) -> AsyncIterator[tuple[str, ServerProcess]]:
    """Run a server within the block, which gets its address; raises BenchError."""
    command = [sys.executable, "-m", "whispercpp_ws", "serve", "--port", "0", *flags]
    server = ServerProcess.spawn(command, log)
    try:
        yield (await server.wait_for(LISTENING))[1], server
    finally:
        await server.stop()


async def speak_together(
    url: str, speech: Speech, seconds: float, *, speakers: int
) -> list[Heard]:
    """Let several speak for so long, each beginning a little after the one before."""
    audio = list(speech.frames(seconds))
    talks = (
        speak(url, audio, speech.rate, delay_s=STAGGER_S * number)
        for number in range(speakers)
    )
    return await asyncio.gather(*talks)


async def speak(url: str, audio: list[bytes], rate: int, *, delay_s: float) -> Heard:
    """Run one speaker from the handshake to the close."""
    await asyncio.sleep(delay_s)
    heard, asked_s = Heard(), time.monotonic()
    async with aiohttp.ClientSession() as http:
        try:
            async with http.ws_connect(f"{url}/stt") as socket:
                await _converse(socket, audio, rate, heard)
        except aiohttp.WSServerHandshakeError as refusal:
            heard.refused_s = time.monotonic() - asked_s
            headers = refusal.headers
            heard.retry_after = headers.get("Retry-After", "") if headers else ""
    return heard


async def _converse(
    socket: aiohttp.ClientWebSocketResponse, audio: list[bytes], rate: int, heard: Heard
) -> None:
    start = {"op": "start", "format": "pcm16le", "rate": rate, "lang": "en"}
    await socket.send_json(start)
    heard.started_s = time.monotonic()
    listening = asyncio.create_task(_listen(socket, heard))
    async for frame in paced(audio, FRAME_S):
        await socket.send_bytes(frame)
    await socket.send_json({"op": "end"})
    async with asyncio.timeout(FINALS_S):
        await listening


async def _listen(socket: aiohttp.ClientWebSocketResponse, heard: Heard) -> None:
    async for frame in socket:
        at_s = time.monotonic() - heard.started_s
        heard.messages.append((at_s, json.loads(frame.data)))
    heard.close_code = socket.close_code


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile; NaN of fewer than two values."""
    if len(values) < 2:
        return float("nan")
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def spread(seconds: Sequence[float]) -> str:
    """Return the middle and the slow end, as text."""
    if len(seconds) < 2:
        return f"{len(seconds)} measured"
    p50_s, p95_s = (percentile(seconds, percent) for percent in (50, 95))
    return f"p50 {p50_s:.2f} s, p95 {p95_s:.2f} s, n {len(seconds)}"
