"""
Kill the engines under people who speak, and compare with a run in which nobody does.

    python -m scripts.bench.chaos --streams 4 --seconds 60 [-- FLAG ...]

Each run has a server of its own. In the second one every engine process is killed with
SIGKILL every 2 s. What has to come out: no session lost, the same words in
every final, and at the 99th percentile less than 2.5 s of extra delay.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from scripts.bench.adapters.process import ServerProcess
from scripts.bench.speakers import (
    Heard,
    percentile,
    read_speech,
    serving,
    speak_together,
)


LOG = Path("build/chaos.log")
FLAGS = ("--model", "base", "--max-load", "100")
"""All streams are let in: what is measured is not admission."""
MOST_EXTRA_S = 2.5
MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Damage:
    """What the kills did."""

    kills: int
    streams: int
    lost: int
    """Sessions that did not end well, or without all of their finals."""
    finals: int
    """Of the calm run."""
    different: int
    """Finals that are missing, too many, or say something else."""
    extra_p50_s: float
    extra_p99_s: float
    """How much later finals came than in the calm run."""
    changes: tuple[str, ...] = ()
    """The first few of the different finals."""

    @property
    def is_bearable(self) -> bool:
        """Whether nothing was lost and nothing was very late."""
        is_whole = not self.lost and not self.different
        return is_whole and self.extra_p99_s < MOST_EXTRA_S

    def __str__(self) -> str:
        return (
            f"{self.kills} kills, {self.streams} streams: {self.lost} sessions lost, "
            f"{self.different} of {self.finals} finals different\n"
            f"extra delay of finals: p50 {self.extra_p50_s:.2f} s, "
            f"p99 {self.extra_p99_s:.2f} s"
            + "".join(f"\n{change}" for change in self.changes)
        )


def damage(calm: list[Heard], wild: list[Heard], *, kills: int) -> Damage:
    """Compare two runs of the same speakers."""
    extra_s: list[float] = []
    different, changes = 0, []
    for before, after in zip(calm, wild, strict=True):
        pairs = list(zip(before.words, after.words, strict=False))
        changes += [(a, b) for a, b in pairs if a != b]
        different += abs(len(before.words) - len(after.words))
        delays = zip(before.final_delays_s(), after.final_delays_s(), strict=False)
        extra_s += [later - earlier for earlier, later in delays]
    return Damage(
        kills=kills,
        streams=len(wild),
        lost=sum(not heard.is_complete for heard in wild),
        finals=sum(len(heard.words) for heard in calm),
        different=different + len(changes),
        changes=tuple(
            f"{' '.join(first)!r} became {' '.join(second)!r}"
            for first, second in changes[:MOST_SHOWN]
        ),
        extra_p50_s=percentile(extra_s, 50),
        extra_p99_s=percentile(extra_s, 99),
    )


class Killer:
    """End every engine process of a server, again and again."""

    def __init__(self, server: ServerProcess, *, every_s: float) -> None:
        self.kills = 0
        self._server = server
        self._every_s = every_s

    async def run(self) -> None:
        """Kill until cancelled."""
        while True:
            await asyncio.sleep(self._every_s)
            for host in psutil.Process(self._server.pid).children():
                with suppress(psutil.NoSuchProcess):
                    host.kill()
                    self.kills += 1


async def measure(args: argparse.Namespace) -> Damage:
    """Run both and compare."""
    calm, _ = await run(args, kills=False)
    wild, kills = await run(args, kills=True)
    return damage(calm, wild, kills=kills)


async def run(args: argparse.Namespace, *, kills: bool) -> tuple[list[Heard], int]:
    """Let everybody speak to a new server; returns what they heard, and the kills."""
    speech = read_speech()
    async with serving(args.flags or FLAGS, LOG) as (url, server):
        killer = Killer(server, every_s=args.every)
        killing = asyncio.create_task(killer.run()) if kills else None
        try:
            heard = await speak_together(
                url, speech, args.seconds, speakers=args.streams
            )
        finally:
            if killing is not None:
                killing.cancel()
    return heard, killer.kills


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    made = argparse.ArgumentParser(prog="python -m scripts.bench.chaos")
    made.add_argument("--streams", type=int, default=4)
    made.add_argument("--seconds", type=float, default=60.0)
    made.add_argument("--every", type=float, default=2.0, help="seconds between kills")
    made.add_argument("flags", nargs="*", help="of `serve`, behind --")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; returns 1 if more was broken than may be."""
    result = asyncio.run(measure(parser().parse_args(argv)))
    print(result)
    return 0 if result.is_bearable else 1


if __name__ == "__main__":
    sys.exit(main())
