"""
Measure how long a window takes to an engine process and back, without decoding it.

    python -m scripts.bench.round_trip [--seconds 10] [--count 500]

The scripted engine answers at once, so that what is left is the channel.
"""

import argparse
import asyncio
import statistics
import time

import numpy as np

from whispercpp_ws.decoding import SAMPLE_RATE, DecodeRequest, Priority
from whispercpp_ws.scheduler.host import EngineHost
from whispercpp_ws.scheduler.wire import HostSpec


WARM_UP = 20
"""Round trips that do not count: first pages, first buffers."""


async def measure(seconds: float, count: int) -> list[float]:
    """Return the milliseconds of each round trip, one after another."""
    host = await EngineHost.start(HostSpec("scripted", "scripted"))
    samples = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    request = DecodeRequest(1, Priority.FINAL, samples)
    try:
        taken_ms = [await round_trip_ms(host, request) for _ in range(count + WARM_UP)]
    finally:
        await host.aclose()
    return taken_ms[WARM_UP:]


async def round_trip_ms(host: EngineHost, request: DecodeRequest) -> float:
    """Time one decode that decodes nothing."""
    started_s = time.perf_counter()
    await host.decode(request)
    return 1000 * (time.perf_counter() - started_s)


def summary(taken_ms: list[float], seconds: float) -> str:
    """Return one line with the median and the slowest."""
    cuts = statistics.quantiles(taken_ms, n=100, method="inclusive")
    return (
        f"{seconds:g} s of audio, {len(taken_ms)} round trips: "
        f"p50 {cuts[49]:.2f} ms, p95 {cuts[94]:.2f} ms, p99 {cuts[98]:.2f} ms"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--count", type=int, default=500)
    args = parser.parse_args()
    print(summary(asyncio.run(measure(args.seconds, args.count)), args.seconds))


if __name__ == "__main__":
    main()
