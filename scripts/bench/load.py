"""
Let several people speak to one server at once, and measure what each of them gets.

    python -m scripts.bench.load --speakers 2 --crowd 20 [--seconds 60] [-- FLAG ...]

Every speaker sends the same recording at real-time pace, again and again, and starts a
little after the one before, so that their pauses do not fall together. After the few
comes, on the same server, a crowd that it cannot serve. The server runs base for finals
and tiny.en for partials unless the flags, which are those of `serve`, say otherwise.
"""

import argparse
import asyncio
from collections import Counter
from pathlib import Path

from scripts.bench.speakers import (
    Heard,
    percentile,
    read_speech,
    serving,
    speak_together,
    spread,
)


LOG = Path("build/load.log")
MOST_TIMES = 1.5
"""By how much finals may come later in a crowd, at the 95th percentile."""
REFUSED_IN_S = 0.1


def report(everybody: list[Heard]) -> list[str]:
    """Return what all of them got, as lines."""
    admitted, refused = split(everybody)
    partials = [delay for heard in admitted for delay in heard.first_partial_delays_s()]
    closes = Counter(heard.close_code for heard in admitted)
    complete = sum(heard.is_complete for heard in admitted)
    lines = [
        f"speakers: {len(admitted)} admitted, {len(refused)} refused",
        f"end of speech to final: {spread(final_delays_s(admitted))}",
        f"start of speech to first partial: {spread(partials)}",
        f"sessions with all of their finals: {complete} of {len(admitted)}, "
        f"closes: {dict(closes)}",
    ]
    if refused:
        slowest_ms = 1000 * max(heard.refused_s or 0.0 for heard in refused)
        after = sorted({heard.retry_after for heard in refused})
        lines.append(f"slowest refusal: {slowest_ms:.0f} ms, Retry-After {after}")
    steps = Counter(
        f"{warning['message']} (step {warning.get('step_ms')} ms)"
        for heard in admitted
        for _, warning in heard.of("warning")
    )
    lines += [f"warned {count} times: {text}" for text, count in steps.most_common()]
    return lines


def compare(few: list[Heard], crowd: list[Heard]) -> list[str]:
    """Return what a crowd changes for those who are let in, as lines."""
    admitted, refused = split(crowd)
    calm_s, busy_s = (
        percentile(final_delays_s(some), 95) for some in (split(few)[0], admitted)
    )
    times = busy_s / calm_s
    expected = max((len(heard.of("final")) for heard in few), default=0)
    short = sum(len(heard.of("final")) < expected for heard in admitted)
    lines = [
        f"p95 of finals: {calm_s:.2f} s, in the crowd {busy_s:.2f} s, {times:.2f} times"
        f" ({'within' if times <= MOST_TIMES else 'beyond'} {MOST_TIMES:g})",
        f"speakers with fewer finals than without a crowd: {short} of {len(admitted)}",
    ]
    late = sum((heard.refused_s or 0.0) > REFUSED_IN_S for heard in refused)
    silent = sum(not heard.retry_after for heard in refused)
    lines.append(
        f"refusals after more than {1000 * REFUSED_IN_S:.0f} ms: {late} of "
        f"{len(refused)}, without Retry-After: {silent}"
    )
    if times > MOST_TIMES and not any(heard.of("warning") for heard in admitted):
        lines.append("and nobody was told why")
    return lines


def split(everybody: list[Heard]) -> tuple[list[Heard], list[Heard]]:
    """Return who was let in and who was refused."""
    admitted = [heard for heard in everybody if heard.refused_s is None]
    return admitted, [heard for heard in everybody if heard.refused_s is not None]


def final_delays_s(some: list[Heard]) -> list[float]:
    """Return how late every final of some speakers came."""
    return [delay for heard in some for delay in heard.final_delays_s()]


async def measure(args: argparse.Namespace) -> list[str]:
    """Start a server, let the few and then the crowd speak to it; returns lines."""
    speech = read_speech()
    flags = args.flags or ["--model", "base", "--partial-model", "tiny.en"]
    async with serving(flags, LOG) as (url, _server):
        few = await speak_together(url, speech, args.seconds, speakers=args.speakers)
        lines = report(few)
        if args.crowd:
            crowd = await speak_together(url, speech, args.seconds, speakers=args.crowd)
            lines += ["", *report(crowd), "", *compare(few, crowd)]
    return lines


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    made = argparse.ArgumentParser(prog="python -m scripts.bench.load")
    made.add_argument("--speakers", type=int, default=2)
    made.add_argument("--crowd", type=int, default=0, help="speakers after them")
    made.add_argument("--seconds", type=float, default=60.0)
    made.add_argument("flags", nargs="*", help="of `serve`, behind --")
    return made


def main() -> None:
    """Measure and print."""
    print("\n".join(asyncio.run(measure(parser().parse_args()))))


if __name__ == "__main__":
    main()
