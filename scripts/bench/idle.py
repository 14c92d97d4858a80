"""
Measure what idle connections cost, and how fast pings are answered among them.

    python -m scripts.bench.idle --connections 1000 --model base

A server is started, so many clients connect, start a session and send a second of
silence, and then nothing. The growth of the server process, its engine's left out, by
connection is the first number. Then pings go round while uploads keep every lane busy.
"""

import argparse
import asyncio
import json
import re
import statistics
import subprocess
import sys
import time
import wave
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path

import aiohttp
import psutil


LISTENING = re.compile(r"WebSocket (ws://\S+?)\)")
SPEECH = Path("tests/data/jfk.wav")
START = {"op": "start", "rate": 16_000, "lang": "en"}
SILENCE = bytes(32_000)
SETTLE_S = 2.0
"""Time for the last sessions to be open and the allocator to be still."""
PARALLEL_CONNECTS = 50
"""Below the backlog of a listening socket."""
MOST_TRIES = 20


@dataclass(frozen=True, slots=True)
class IdleReport:
    """What was measured."""

    connections: int
    kb_per_connection: float
    pings: int
    ping_p50_ms: float
    ping_p95_ms: float
    ping_max_ms: float
    busy_uploads: int


class Peer:
    """A client that answers pings and times its own."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._pong = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def ping_ms(self) -> float:
        """Ping and return how long the pong took."""
        self._pong.clear()
        started_s = time.perf_counter()
        await self._socket.ping()
        await self._pong.wait()
        return (time.perf_counter() - started_s) * 1000

    async def leave(self) -> None:
        """Close the connection."""
        await self._socket.close()
        await self._reading

    async def _read(self) -> None:
        while True:
            message = await self._socket.receive()
            if message.type is aiohttp.WSMsgType.PONG:
                self._pong.set()
            elif message.type is aiohttp.WSMsgType.PING:
                await self._socket.pong(message.data)
            elif message.type is not aiohttp.WSMsgType.TEXT:
                return


def main(argv: Sequence[str] | None = None) -> int:
    """Run the measurement and print it as JSON; returns 0."""
    args = parser().parse_args(argv)
    command = [sys.executable, "-m", "whispercpp_ws", "serve", "--port", "0"]
    command += ["--max-connections", str(args.connections + args.uploads + 10)]
    # Idle clients of this benchmark are silent for as long as it takes.
    command += ["--idle-timeout", "3600"]
    command += ["--model", args.model] if args.model else ["--engine", "scripted"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            report = asyncio.run(measure(address(server), server.pid, args))
        finally:
            server.terminate()
    print(json.dumps(asdict(report), indent=2))
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    made = argparse.ArgumentParser(prog="python -m scripts.bench.idle")
    made.add_argument("--connections", type=int, default=1000)
    made.add_argument(
        "--uploads", type=int, default=2, help="clients that keep it busy"
    )
    made.add_argument("--pings", type=int, default=200)
    made.add_argument("--model", default="base", help="empty: the scripted engine")
    return made


def address(server: subprocess.Popen[str]) -> str:
    """Return where a started server listens."""
    assert server.stdout is not None
    for line in server.stdout:
        if found := LISTENING.search(line):
            return found[1]
    raise RuntimeError("the server did not start")


async def measure(url: str, pid: int, args: argparse.Namespace) -> IdleReport:
    """Open the connections, weigh them, and time pings among busy lanes."""
    process = psutil.Process(pid)
    async with AsyncExitStack() as stack:
        connector = aiohttp.TCPConnector(limit=0)
        http = await stack.enter_async_context(
            aiohttp.ClientSession(connector=connector)
        )
        # One first, so that what is loaded once is not counted.
        peers = [await idle_peer(http, url)]
        await asyncio.sleep(SETTLE_S)
        before = process.memory_info().rss
        peers += await idle_peers(http, url, args.connections)
        await asyncio.sleep(SETTLE_S)
        grown = process.memory_info().rss - before
        uploads = [asyncio.create_task(upload(http, url)) for _ in range(args.uploads)]
        await asyncio.sleep(SETTLE_S)
        pings_ms = [await ping(peers, number) for number in range(args.pings)]
        await stop(process)
        await asyncio.gather(*uploads, return_exceptions=True)
        await asyncio.gather(*(peer.leave() for peer in peers))
    return report(args, grown, sorted(pings_ms))


async def idle_peers(http: aiohttp.ClientSession, url: str, count: int) -> list[Peer]:
    """Open connections, some at a time."""
    peers: list[Peer] = []
    while len(peers) < count:
        some = min(PARALLEL_CONNECTS, count - len(peers))
        peers += await asyncio.gather(*(idle_peer(http, url) for _ in range(some)))
    return peers


async def idle_peer(http: aiohttp.ClientSession, url: str) -> Peer:
    """Start a session, say nothing for a second, and go quiet."""
    socket = await started(http, url)
    await socket.send_bytes(SILENCE)
    return Peer(socket)


async def started(
    http: aiohttp.ClientSession, url: str
) -> aiohttp.ClientWebSocketResponse:
    """Start a session, again if need be: of a crowd, the first are taken to speak."""
    for _ in range(MOST_TRIES):
        try:
            socket = await http.ws_connect(url, autoping=False)
            await socket.send_json(START)
            answer = await socket.receive_json()
        except aiohttp.WSServerHandshakeError as refusal:
            if refusal.status != HTTPStatus.SERVICE_UNAVAILABLE or not refusal.headers:
                raise
            answer = {"retry_after": refusal.headers["Retry-After"]}
        if answer.get("type") == "ready":
            return socket
        await asyncio.sleep(float(answer["retry_after"]))
    raise RuntimeError(f"refused {MOST_TRIES} times")


async def upload(http: aiohttp.ClientSession, url: str) -> None:
    """Send speech as fast as the server takes it, for ever."""
    with wave.open(str(SPEECH)) as audio:
        pcm = audio.readframes(audio.getnframes())
    async with await started(http, url) as socket:
        reading = asyncio.create_task(_drop_all(socket))
        while not reading.done():
            await socket.send_bytes(pcm)


async def stop(process: psutil.Process) -> None:
    """Stop the server at once: uploads that it does not read have no other end."""
    for _ in range(2):
        with suppress(psutil.NoSuchProcess):
            process.terminate()
        await asyncio.sleep(SETTLE_S)


async def _drop_all(socket: aiohttp.ClientWebSocketResponse) -> None:
    async for _message in socket:
        pass


async def ping(peers: list[Peer], number: int) -> float:
    """Ping one of the peers, each in its turn, with a little time in between."""
    await asyncio.sleep(0.05)
    return await peers[number * 7 % len(peers)].ping_ms()


def report(args: argparse.Namespace, grown: int, pings_ms: list[float]) -> IdleReport:
    """Summarise."""
    return IdleReport(
        connections=args.connections,
        kb_per_connection=round(grown / args.connections / 1000, 1),
        pings=len(pings_ms),
        ping_p50_ms=round(statistics.median(pings_ms), 1),
        ping_p95_ms=round(pings_ms[int(0.95 * (len(pings_ms) - 1))], 1),
        ping_max_ms=round(pings_ms[-1], 1),
        busy_uploads=args.uploads,
    )


if __name__ == "__main__":
    sys.exit(main())
