"""
Stream the same recordings through this server and others, one after the other.

    python -m scripts.bench.compared --clients 1 2 -- --set librispeech_en --limit 20

`make bench-baselines` installs the others. What stands behind `--` goes to
`scripts.bench`, once for each server and number of clients, and what stands behind
another `--` to this server. Each run has a folder; one table of them all is printed.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from scripts.bench.command import default_output
from scripts.bench.readme import comparison, read_report
from scripts.bench.servers import ENVIRONMENTS, OURS, WHISPER_SERVER


SERVERS = (OURS, *sorted(ENVIRONMENTS), WHISPER_SERVER)


def measure(options: Sequence[str]) -> int:
    """Run `scripts.bench` in a process of its own; memory is counted by process."""
    command = [sys.executable, "-m", "scripts.bench", *options]
    return subprocess.run(command, check=False).returncode


def main(
    argv: Sequence[str] | None = None,
    measure: Callable[[Sequence[str]], int] = measure,
) -> int:
    """Run all; returns 1 when one gave no report or one of its streams failed."""
    args = _parser().parse_args(argv)
    output: Path = args.output or default_output()
    is_well = True
    found: list[Path] = []
    for clients in args.clients:
        for server in args.servers:
            folder = output / f"{server}-{clients}"
            options = ("--server", server, "--clients", str(clients))
            code = measure((*options, "--output", str(folder), *args.options))
            is_well = is_well and code == 0
            found += folder.glob("report.json")
    if found:
        print("\n".join(comparison([read_report(path) for path in found])))
        print(f"\nInto README: make compared REPORTS='{' '.join(map(str, found))}'")
    return 0 if is_well else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.bench.compared",
        description="Stream the same recordings through several servers in turn.",
    )
    parser.add_argument(
        "--servers", nargs="+", choices=SERVERS, default=SERVERS, help="in this order"
    )
    parser.add_argument(
        "--clients", nargs="+", type=int, default=[1], help="streams at once"
    )
    parser.add_argument("--output", type=Path, help="folder (build/bench/<date>)")
    parser.add_argument("options", nargs="*", help="after --: of scripts.bench")
    return parser


if __name__ == "__main__":
    sys.exit(main())
