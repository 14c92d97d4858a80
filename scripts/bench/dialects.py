"""
Whether each dialect hears what the native one does: word errors over the same clips.

    python -m scripts.bench.dialects --set librispeech_en --limit 6

Clips are sent as fast as the server takes them, so that a busy machine makes this slow
and not wrong. It ends with 1 where a dialect is worse than the native one by more than
one word in a hundred.
"""

import argparse
import asyncio
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.bench import audio
from scripts.bench.adapters.dialects import CLIENTS, Ports
from scripts.bench.adapters.process import BenchError, ServerProcess, free_port
from scripts.bench.command import DEFAULT_MANIFEST
from scripts.bench.manifest import Clip, Selection, read_manifest, select
from scripts.bench.wer import Edits, edits, normalised, total
from whispercpp_ws.decoding import Samples
from whispercpp_ws.errors import SpeechError
from whispercpp_ws.session.resample import resample


LISTENING = re.compile(r"Listening on http://\S+:(\d+) ")
CLIP_S = 600.0
"""Longest wait for one clip in one dialect."""
MOST_WORSE_PERCENT = 1.0
"""How much more a dialect may get wrong than the native one, of a hundred words."""
NATIVE = "native"


@dataclass(frozen=True, slots=True)
class Heard:
    """One clip in one dialect."""

    clip: Clip
    text: str

    @property
    def words(self) -> str:
        """Return the text as it is scored."""
        return normalised(self.text, self.clip.language)

    @property
    def edits(self) -> Edits:
        """Return what is wrong in it."""
        return edits(self.clip.reference, self.text, self.clip.language)


def table(heard: Mapping[str, Sequence[Heard]]) -> str:
    """Return a line for each dialect: its rate, and what it is over the native one."""
    native = _rate(heard[NATIVE])
    rows = [
        f"| {name} | {len(clips)} | {_rate(clips):.1f} | {_rate(clips) - native:+.1f} "
        f"| {_others(clips, heard[NATIVE])} |"
        for name, clips in heard.items()
    ]
    head = "| Dialect | Clips | WER % | to native | Other words |"
    return "\n".join([head, "|---|---|---|---|---|", *rows])


def is_good(heard: Mapping[str, Sequence[Heard]]) -> bool:
    """Tell whether no dialect is much worse than the native one."""
    worst = max(_rate(clips) for clips in heard.values())
    return worst - _rate(heard[NATIVE]) <= MOST_WORSE_PERCENT


def _others(clips: Sequence[Heard], native: Sequence[Heard]) -> int:
    """Count clips with other words than the native dialect has."""
    return sum(a.words != b.words for a, b in zip(clips, native, strict=True))


def _rate(clips: Sequence[Heard]) -> float:
    return total(clip.edits for clip in clips).rate_percent or 0.0


async def measure(
    clips: Sequence[Clip], names: Sequence[str], flags: Sequence[str]
) -> dict[str, list[Heard]]:
    """Send every clip in every dialect; raises BenchError, SpeechError."""
    heard: dict[str, list[Heard]] = {name: [] for name in names}
    for language, group in groupby(
        sorted(clips, key=lambda clip: clip.language), key=lambda clip: clip.language
    ):
        # Vosk's clients cannot name a language: it is the server's.
        server, ports = await _started(["--language", language, *flags])
        try:
            for clip in group:
                await _hear(ports, clip, heard)
        finally:
            await server.stop()
    return heard


async def _started(flags: Sequence[str]) -> tuple[ServerProcess, Ports]:
    wyoming, whisperlive = free_port(), free_port()
    command = [sys.executable, "-m", "whispercpp_ws", "serve", "--port", "0"]
    command += ["--wyoming-port", str(wyoming), "--whisperlive-port", str(whisperlive)]
    # One client after another: none is to be refused for the load of those before.
    command += ["--max-load", "1000"]
    with TemporaryDirectory() as folder:
        server = ServerProcess.spawn([*command, *flags], Path(folder, "server.log"))
        found = await server.wait_for(LISTENING)
    return server, Ports(int(found[1]), wyoming, whisperlive)


async def _hear(ports: Ports, clip: Clip, heard: Mapping[str, list[Heard]]) -> None:
    samples = _samples(clip)
    for name, clips in heard.items():
        async with asyncio.timeout(CLIP_S):
            text = await CLIENTS[name](ports, samples, clip.language)
        clips.append(Heard(clip, text))
        print(f"{clip.key} {name}: {text}", file=sys.stderr, flush=True)


def _samples(clip: Clip) -> Samples:
    sound = audio.load(clip)
    return resample(sound.mono(), sound.rate)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; returns 1 where a dialect is much worse, or nothing runs."""
    args = _parser().parse_args(argv)
    # The native dialect is what the others are compared with.
    names = [NATIVE, *(name for name in args.dialect or CLIENTS if name != NATIVE)]
    wanted = Selection(sets=frozenset(args.set), limit_per_set=args.limit)
    try:
        clips = select(read_manifest(args.manifest), wanted)
        spoken = [clip for clip in clips if clip.reference]
        heard = asyncio.run(measure(spoken, names, args.flags))
    except (BenchError, SpeechError, TimeoutError, OSError) as error:
        print(f"error: {error or type(error).__name__}", file=sys.stderr)
        return 1
    print(table(heard))
    return 0 if is_good(heard) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.bench.dialects",
        description="Compare what each dialect hears of the same clips.",
    )
    parser.add_argument("--manifest", type=Path, default=DEFAULT_MANIFEST)
    parser.add_argument("--set", action="append", default=[], help="may be repeated")
    parser.add_argument("--limit", type=int, default=6, help="clips of each set")
    parser.add_argument(
        "--dialect", action="append", choices=list(CLIENTS), help="may be repeated"
    )
    parser.add_argument("flags", nargs="*", help="of `serve`, after --")
    return parser


if __name__ == "__main__":
    sys.exit(main())
