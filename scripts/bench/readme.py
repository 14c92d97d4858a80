"""
Write the tables of numbers in README from reports, so that no number is typed.

    python -m scripts.bench.readme build/bench/A/report.json build/bench/B/report.json
    python -m scripts.bench.readme --compared build/bench/C/*/report.json

Every report gives a line that says where its numbers come from, and a table; of those
compared each is a line of one table.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.bench.manifest import NO_LANGUAGE, ROOT
from scripts.bench.report import number, spread, table
from scripts.bench.scores import Spread
from whispercpp_ws.errors import ConfigError, SpeechError


README = ROOT / "README.md"
NUMBERS, COMPARED = "numbers", "compared"
"""Names of the sections, in their markers."""

COLUMNS = (
    "Recordings",
    "WER %",
    "to offline",
    "First text, s",
    "End of speech to final, s",
    "Words taken back",
)
COMPARED_COLUMNS = (
    "Server",
    "Clients",
    "Recordings",
    "WER %",
    "First text, s",
    "End of speech to final, s",
    "Without text",
    "CPU s per s",
    "MB",
)
NONSPEECH = "nobody speaks"

Json = Mapping[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Rewrite the section; returns 1 when a report or the section is missing."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.bench.readme",
        description="Write the numbers of reports into README.",
    )
    parser.add_argument("reports", type=Path, nargs="+", help="report.json files")
    parser.add_argument("--readme", type=Path, default=README, help="file to rewrite")
    parser.add_argument(
        "--compared", action="store_true", help="one table, of several servers"
    )
    args = parser.parse_args(argv)
    write = with_comparison if args.compared else with_numbers
    try:
        reports = [read_report(path) for path in args.reports]
        text = write(args.readme.read_text(encoding="utf-8"), reports)
    except SpeechError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    args.readme.write_text(text, encoding="utf-8")
    return 0


def read_report(path: Path) -> Json:
    """
    Read what `report.write` wrote.

    Raises:
        ConfigError: it is not there, or no report.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: expected a report.json ({error})") from error
    if not isinstance(report, dict) or not {"about", "load", "sets"} <= report.keys():
        raise ConfigError(f"{path}: expected a report.json, got other JSON")
    return report


def with_numbers(text: str, reports: Sequence[Json]) -> str:
    """
    Return a document with its section of numbers as the reports have them.

    Raises:
        ConfigError: it has no such section.
    """
    body = "\n\n".join("\n".join(_lines(report)) for report in reports)
    return _with_section(text, NUMBERS, body)


def with_comparison(text: str, reports: Sequence[Json]) -> str:
    """
    Return a document with one table of all reports, in their order.

    Raises:
        ConfigError: it has no section for it.
    """
    return _with_section(text, COMPARED, "\n".join(comparison(reports)))


def comparison(reports: Sequence[Json]) -> Iterator[str]:
    """Yield the lines of one table of several servers, and where it comes from."""
    rows = [(one, score) for one in reports for score in _chosen(one)]
    yield from table(COMPARED_COLUMNS, (_compared_row(*row) for row in rows))
    yield ""
    abouts = [report["about"] for report in reports]
    for name in ("machine", "build", "date"):
        yield f"{'; '.join(dict.fromkeys(about[name] for about in abouts))}."


def _with_section(text: str, name: str, body: str) -> str:
    section = re.compile(rf"(<!-- {name}: [^>]*-->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not section.search(text):
        raise ConfigError(f"README: expected the markers of the section {name!r}")
    return section.sub(lambda found: f"{found[1]}\n{body}\n\n{found[2]}", text, count=1)


def _lines(report: Json) -> Iterator[str]:
    about = report["about"]
    yield (
        f"**{about['server']}**, {about['clients']} client(s), endpoint "
        f"{about['endpoint_ms']} ms. {about['machine']}. {about['build']}. "
        f"{about['date']}."
    )
    yield ""
    yield from table(COLUMNS, map(_row, _chosen(report)))
    yield ""
    yield _cost(report)


def _chosen(report: Json) -> list[Json]:
    """Return totals of the languages that have them, and the sets of the others."""
    totals = report.get("languages", [])
    totalled = {total["language"] for total in totals}
    return [*totals, *(s for s in report["sets"] if s["language"] not in totalled)]


def _row(score: Json) -> tuple[str, ...]:
    silent = score["language"] == NO_LANGUAGE
    steady = score["stability"]
    what = NONSPEECH if silent else score["language"]
    clips = f"{what}, {score['clips']} clips, {score['seconds'] / 60:.1f} min"
    if silent:
        return (clips, f"{score['invented_words']} words", "–", "–", "–", "–")
    return (
        clips,
        number(score["wer"]),
        number(score["dwer"], sign="+"),
        spread(Spread(**score["first_partial_s"])),
        spread(Spread(**score["speech_end_to_final_s"])),
        f"{steady['stable_retractions']} of {steady['stable_words']}",
    )


def _compared_row(report: Json, score: Json) -> tuple[str, ...]:
    about, load = report["about"], report["load"]
    return (
        about["server"],
        str(about["clients"]),
        f"{score['language']}, {score['clips']} clips, {score['seconds'] / 60:.1f} min",
        number(score["wer"]),
        spread(Spread(**score["first_partial_s"])),
        spread(Spread(**score["speech_end_to_final_s"])),
        str(score["silent_clips"]),
        number(_cpu_per_s(load), digits=2),
        f"{load['most_memory_bytes'] / 1e6:.0f}",
    )


def _cpu_per_s(load: Json) -> float:
    cpu_s, audio_s = float(load["cpu_s"]), float(load["audio_s"])
    return cpu_s / max(audio_s, 1e-9)


def _cost(report: Json) -> str:
    load = report["load"]
    cpu_s = _cpu_per_s(load)
    said = [
        f"{cpu_s:.2f} CPU seconds for each of audio",
        f"{load['most_memory_bytes'] / 1e6:.0f} MB",
    ]
    if rho := report.get("redundancy"):
        said.append(f"ρ {rho['partials'] + rho['finals']:.1f}")
    designs = report.get("designs") or ()
    told = [
        f"{one['name']} {number(one['wer'])} % WER at "
        f"{number(one['cpu_per_speech_s'], digits=2)} CPU s per s of speech"
        for one in designs
    ]
    return f"{', '.join(said)}.{' Replayed: ' if told else ''}{'; '.join(told)}" + (
        "." if told else ""
    )


if __name__ == "__main__":
    sys.exit(main())
