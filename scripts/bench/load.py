"""
Let several people speak to one server at once, and measure what each of them gets.

    python -m scripts.bench.load --speakers 4 [--seconds 60] [-- SERVE_FLAG ...]

Every speaker sends the same recording at real-time pace, again and again, and starts a
little after the one before, so that their pauses do not fall together. The server runs
base for finals and tiny.en for partials unless the flags say otherwise.
"""

import argparse
import asyncio
import json
import sys
import time
import wave
from collections import Counter
from collections.abc import Iterator
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
LOG = Path("build/load.log")

Message = dict[str, Any]


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

    def final_delays_s(self) -> list[float]:
        """Return, for each final, the time since its speech ended."""
        return [at_s - final["te"] for at_s, final in self.of("final")]

    def first_partial_delays_s(self) -> list[float]:
        """Return, for each utterance, the time from its start to its first text."""
        first: dict[int, float] = {}
        for at_s, partial in self.of("partial"):
            first.setdefault(partial["utterance"], at_s - partial["ts"])
        return list(first.values())


def frames(pcm: bytes, rate: int, seconds: float) -> Iterator[bytes]:
    """Cut speech, said again and again with pauses between, into frames."""
    size = 2 * round(FRAME_S * rate)
    said = pcm + bytes(2 * round(PAUSE_S * rate))
    pieces = [said[at : at + size] for at in range(0, len(said), size)]
    yield from islice(cycle(pieces), round(seconds / FRAME_S))


async def speak(url: str, audio: list[bytes], rate: int, *, delay_s: float) -> Heard:
    """Run one speaker from the handshake to the close."""
    await asyncio.sleep(delay_s)
    heard, asked_s = Heard(), time.monotonic()
    async with aiohttp.ClientSession() as http:
        try:
            async with http.ws_connect(url) as socket:
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


def report(everybody: list[Heard]) -> str:
    """Return what all of them got, as lines."""
    admitted = [heard for heard in everybody if heard.refused_s is None]
    refused = [heard for heard in everybody if heard.refused_s is not None]
    finals = [delay for heard in admitted for delay in heard.final_delays_s()]
    partials = [delay for heard in admitted for delay in heard.first_partial_delays_s()]
    steps = Counter(
        f"{warning['message']} (step {warning.get('step_ms')} ms)"
        for heard in admitted
        for _, warning in heard.of("warning")
    )
    closes = Counter(heard.close_code for heard in admitted)
    lines = [
        f"speakers: {len(admitted)} admitted, {len(refused)} refused",
        f"end of speech to final: {_spread(finals)}",
        f"start of speech to first partial: {_spread(partials)}",
        f"closes: {dict(closes)}",
    ]
    if refused:
        slowest_ms = 1000 * max(heard.refused_s or 0.0 for heard in refused)
        after = sorted({heard.retry_after for heard in refused})
        lines.append(f"slowest refusal: {slowest_ms:.0f} ms, Retry-After {after}")
    lines += [f"warned {count} times: {text}" for text, count in steps.most_common()]
    return "\n".join(lines)


def _spread(seconds: list[float]) -> str:
    if len(seconds) < 2:
        return f"{len(seconds)} measured"
    cuts = quantiles(seconds, n=100, method="inclusive")
    return f"p50 {cuts[49]:.2f} s, p95 {cuts[94]:.2f} s, n {len(seconds)}"


async def measure(speakers: int, seconds: float, flags: list[str]) -> list[Heard]:
    """Start a server and let everybody speak to it."""
    with wave.open(str(SPEECH)) as file:
        rate, pcm = file.getframerate(), file.readframes(file.getnframes())
    command = [sys.executable, "-m", "whispercpp_ws", "serve", "--port", "0", *flags]
    server = ServerProcess.spawn(command, LOG)
    try:
        url = (await server.wait_for(LISTENING))[1] + "/stt"
        audio = list(frames(pcm, rate, seconds))
        talks = (
            speak(url, audio, rate, delay_s=STAGGER_S * number)
            for number in range(speakers)
        )
        return await asyncio.gather(*talks)
    finally:
        await server.stop()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument("--speakers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("flags", nargs="*", help="of `serve`, behind --")
    args = parser.parse_args()
    flags = args.flags or ["--model", "base", "--partial-model", "tiny.en"]
    LOG.parent.mkdir(exist_ok=True)
    print(report(asyncio.run(measure(args.speakers, args.seconds, flags))))


if __name__ == "__main__":
    main()
