"""
Let clients come and go for minutes, and see whether the server is as before.

    python -m scripts.bench.soak --minutes 10 --clients 4 [-- FLAG ...]

Each client connects, speaks for a few seconds at real-time pace, and then ends well,
closes, vanishes, or vanishes and takes its session up again; and then the next one
comes. Memory of the gateway and of its engines is told by its slope after a quarter of
the time, with a 95 % confidence interval; tasks, threads and open files by what is
left of them when everybody has gone.
"""

import argparse
import asyncio
import json
import math
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import pairwise
from pathlib import Path

import aiohttp
import psutil

from scripts.bench.adapters.process import ServerProcess, memory_bytes, total
from scripts.bench.speakers import FRAME_S, Message, Speech, read_speech, serving
from whispercpp_ws.cli.pacing import paced


LOG = Path("build/soak.log")
FLAGS = ("--model", "tiny.en", "--max-load", "100", "--resume-grace", "5")
SETTLE_S = 8.0
"""After the last client, longer than the grace of its session."""
RETRY_S = 5.0
"""What a refusal says in Retry-After."""
MOST_LIKENESS = 0.9
"""Of neighbours; beyond that a few minutes tell nothing anyway."""
ENDINGS = ("end", "close", "vanish", "resume")
TASKS = "whispercpp_ws_tasks"
SESSIONS = "whispercpp_ws_sessions"


@dataclass(frozen=True, slots=True)
class Sample:
    """What the server uses at one moment."""

    at_s: float
    gateway_mb: float
    engines_mb: float
    threads: int
    files: int
    tasks: float
    sessions: float


@dataclass(frozen=True, slots=True)
class Slope:
    """A line through memory over time."""

    mb_per_h: float
    error_mb_per_h: float
    """Standard error, as wide as one sample's resemblance to the next makes it."""

    @property
    def margin_mb_per_h(self) -> float:
        """Half the width of the 95 % confidence interval."""
        return 1.96 * self.error_mb_per_h

    @property
    def is_noise(self) -> bool:
        """Whether memory may as well stay as it is."""
        return self.mb_per_h <= self.margin_mb_per_h

    def __str__(self) -> str:
        verdict = "within noise" if self.is_noise else "it grows"
        return f"{self.mb_per_h:+.1f} ± {self.margin_mb_per_h:.1f} MB/h, {verdict}"


def slope(times_s: Sequence[float], values_mb: Sequence[float]) -> Slope:
    """
    Fit a line by least squares; needs three points.

    Memory is a walk, no coin: what is left of neighbours is alike, and the error is
    widened for that as for an autoregression of the first order.
    """
    count = len(times_s)
    middle_s, middle_mb = sum(times_s) / count, sum(values_mb) / count
    spread = sum((at_s - middle_s) ** 2 for at_s in times_s)
    pairs = list(zip(times_s, values_mb, strict=True))
    rise = sum((at_s - middle_s) * (mb - middle_mb) for at_s, mb in pairs) / spread
    left = [mb - middle_mb - rise * (at_s - middle_s) for at_s, mb in pairs]
    rest = sum(one**2 for one in left)
    error = math.sqrt(rest / max(1, count - 2) / spread) * widening(left)
    return Slope(3600 * rise, 3600 * error)


def widening(left: Sequence[float]) -> float:
    """Return by how much likeness of neighbours widens a standard error."""
    square = sum(one**2 for one in left)
    if not square:
        return 1.0
    likeness = sum(a * b for a, b in pairwise(left)) / square
    likeness = min(max(likeness, 0.0), MOST_LIKENESS)
    return math.sqrt((1 + likeness) / (1 - likeness))


class Refused(Exception):
    """Raised when the server has no time for one more speaker."""


class Crowd:
    """Clients that come, speak and go."""

    def __init__(self, url: str, speech: Speech, *, seed: int) -> None:
        self.endings: Counter[str] = Counter()
        self.broken: Counter[str] = Counter()
        self._url = f"{url}/stt"
        self._speech = speech
        self._chance = random.Random(seed)

    async def run(self, until_s: float) -> None:
        """Be one client after another until a monotonic time."""
        async with aiohttp.ClientSession() as http:
            while time.monotonic() < until_s:
                ending = self._chance.choice(ENDINGS)
                seconds = self._chance.uniform(1.0, 8.0)
                try:
                    await self._visit(http, seconds, ending)
                    self.endings[ending] += 1
                except Refused:
                    self.endings["refused"] += 1
                    await asyncio.sleep(RETRY_S)
                except (aiohttp.ClientError, TypeError, ValueError) as error:
                    self.broken[f"{ending}: {error}"] += 1

    async def _visit(
        self, http: aiohttp.ClientSession, seconds: float, ending: str
    ) -> None:
        frames = list(self._speech.frames(seconds))
        async with await self._connected(http) as socket:
            name = (await self._start(socket))["session"]
            await _say(socket, frames)
            if ending == "end":
                await _finish(socket)
            if ending in {"vanish", "resume"}:
                _cut(socket)
        if ending == "resume":
            async with await self._connected(http) as socket:
                ready = await self._start(socket, resume=name)
                heard = round(ready["offset"] / FRAME_S)
                await _say(socket, frames[heard:])
                await _finish(socket)

    async def _connected(
        self, http: aiohttp.ClientSession
    ) -> aiohttp.ClientWebSocketResponse:
        try:
            return await http.ws_connect(self._url)
        except aiohttp.WSServerHandshakeError as error:
            if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
                raise Refused from error
            raise

    async def _start(
        self, socket: aiohttp.ClientWebSocketResponse, **fields: str
    ) -> Message:
        start = {"op": "start", "rate": self._speech.rate, "lang": "en", **fields}
        await socket.send_json(start)
        answer: Message = json.loads(await socket.receive_str())
        if answer.get("code") == "overloaded":
            raise Refused
        if answer["type"] != "ready":
            raise ValueError(answer["code"])
        return answer


async def _say(
    socket: aiohttp.ClientWebSocketResponse, frames: Sequence[bytes]
) -> None:
    async for frame in paced(frames, FRAME_S):
        await socket.send_bytes(frame)


async def _finish(socket: aiohttp.ClientWebSocketResponse) -> None:
    await socket.send_json({"op": "end"})
    last = ""
    async for message in socket:
        last = json.loads(message.data)["type"]
    if last != "end":
        raise ValueError(f"the last message was {last!r}")


def _cut(socket: aiohttp.ClientWebSocketResponse) -> None:
    connection = socket._response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()


async def sample(url: str, server: ServerProcess, *, began_s: float) -> Sample:
    """Measure the server's processes, and ask it for the rest."""
    root = psutil.Process(server.pid)
    async with aiohttp.ClientSession() as http, http.get(f"{url}/metrics") as answer:
        metrics = await answer.text()
    return Sample(
        at_s=time.monotonic() - began_s,
        gateway_mb=root.memory_info().rss / 1e6,
        engines_mb=total(memory_bytes, root.children(recursive=True)) / 1e6,
        threads=root.num_threads(),
        files=root.num_fds(),
        tasks=value(metrics, TASKS),
        sessions=value(metrics, SESSIONS),
    )


def value(metrics: str, name: str) -> float:
    """Read one number from the text format; NaN when it is not there."""
    for line in metrics.splitlines():
        if line.startswith(f"{name} "):
            return float(line.split()[1])
    return math.nan


def report(before: Sample, during: Sequence[Sample], after: Sample) -> list[str]:
    """Return what changed, as lines."""
    late = [one for one in during if one.at_s >= during[-1].at_s / 4]
    times_s = [one.at_s for one in late]
    gateway = slope(times_s, [one.gateway_mb for one in late])
    engines = slope(times_s, [one.engines_mb for one in late])
    return [
        f"gateway: {before.gateway_mb:.0f} MB before, {during[-1].gateway_mb:.0f} in "
        f"the end, {after.gateway_mb:.0f} after; {gateway}",
        f"engines: {before.engines_mb:.0f} MB before, {during[-1].engines_mb:.0f} in "
        f"the end, {after.engines_mb:.0f} after; {engines}",
        f"tasks: {before.tasks:.0f} before, {after.tasks:.0f} after",
        f"threads: {before.threads} before, {after.threads} after",
        f"open files: {before.files} before, {after.files} after",
        f"sessions left: {after.sessions:.0f}",
    ]


async def measure(args: argparse.Namespace) -> list[str]:
    """Start a server, let clients come and go, and compare; returns lines."""
    speech = read_speech()
    async with serving(args.flags or FLAGS, LOG) as (url, server):
        crowd = Crowd(url, speech, seed=args.seed)
        # One first, so that what is loaded once is not counted.
        await crowd.run(time.monotonic() + 1.0)
        await asyncio.sleep(args.settle)
        began_s = time.monotonic()
        before = await sample(url, server, began_s=began_s)
        until_s = began_s + 60.0 * args.minutes
        visits = [asyncio.create_task(crowd.run(until_s)) for _ in range(args.clients)]
        during: list[Sample] = []
        while time.monotonic() < until_s:
            await asyncio.sleep(args.every)
            during.append(await sample(url, server, began_s=began_s))
        await asyncio.gather(*visits)
        await asyncio.sleep(args.settle)
        after = await sample(url, server, began_s=began_s)
    lines = [f"{sum(crowd.endings.values())} sessions: {dict(crowd.endings)}"]
    lines += [f"broken {count} times: {what}" for what, count in crowd.broken.items()]
    return lines + report(before, during, after)


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    made = argparse.ArgumentParser(prog="python -m scripts.bench.soak")
    made.add_argument("--minutes", type=float, default=10.0)
    made.add_argument("--clients", type=int, default=4)
    made.add_argument("--every", type=float, default=5.0, help="seconds, to measure")
    made.add_argument("--settle", type=float, default=SETTLE_S)
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("flags", nargs="*", help="of `serve`, behind --")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; returns 0."""
    print("\n".join(asyncio.run(measure(parser().parse_args(argv)))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
