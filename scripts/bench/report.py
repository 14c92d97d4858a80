"""Write a run down: JSON with everything, and a Markdown table to read."""

import json
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from scripts.bench.costs import Redundancy, final_waits
from scripts.bench.designs import COLUMNS as DESIGN_COLUMNS
from scripts.bench.designs import DesignScore, cpu_ratio
from scripts.bench.longrun import LAST_WORDS, LongRun, memory_growth_mb_per_min
from scripts.bench.run import Load
from scripts.bench.scores import ClipRun, ClipScore, SetScore, Spread
from whispercpp_ws import __version__
from whispercpp_ws.engines.whispercpp.library import OVERRIDE_VARIABLE, WHISPER_VERSION


@dataclass(frozen=True, slots=True)
class About:
    """Where a run's numbers come from."""

    server: str
    machine: str
    build: str
    date: str
    clients: int
    endpoint_ms: int


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run."""

    about: About
    load: Load
    sets: Sequence[SetScore]
    clips: Sequence[ClipScore]
    languages: Sequence[SetScore] = ()
    """Totals of the languages of which there is more than one set."""
    redundancy: Redundancy | None = None
    designs: Sequence[DesignScore] = ()
    """Replays in this design, which is first, and in others."""
    long: Sequence[LongRun] = ()
    """Recordings of a minute or more."""
    offline_cpu_per_audio_s: float | None = None
    """CPU seconds per second of audio of the full-window reference decodes."""


def machine_name() -> str:
    """Return processor, cores and system of this machine."""
    cores = os.cpu_count() or 1
    return f"{_processor()}, {cores} CPUs, {platform.system()} {platform.machine()}"


def build_name() -> str:
    """Return the versions that decode and serve."""
    origin = " built here" if os.environ.get(OVERRIDE_VARIABLE) else ""
    return (
        f"whispercpp-ws {__version__}, libwhisper {WHISPER_VERSION}{origin}, "
        f"Python {platform.python_version()}"
    )


def now() -> str:
    """Return the date and time in UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def write(report: Report, runs: Sequence[ClipRun], folder: Path) -> None:
    """Write `report.json`, `timelines.json` and `report.md` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_json(folder / "report.json", asdict(report))
    timelines = {run.clip.key: asdict(run.timeline) for run in runs}
    _write_json(folder / "timelines.json", timelines)
    (folder / "report.md").write_text(markdown(report) + "\n", encoding="utf-8")


def markdown(report: Report) -> str:
    """Return the run as text: where it comes from, a row for each set, the load."""
    about = report.about
    return "\n".join(
        (
            f"**{about.server}** · {about.clients} client(s) · {about.date}",
            "",
            f"Machine: {about.machine}. Build: {about.build}.",
            "",
            *_table([*report.sets, *report.languages]),
            "",
            *_load_lines(report),
            *_split_lines(report),
            *_design_lines(report.designs),
            *_long_lines(report),
            "",
            *_steadiness_lines(report),
        )
    )


COLUMNS = (
    "set",
    "lang",
    "clips",
    "audio s",
    "WER %",
    "offline",
    "dWER",
    "first partial s",
    "word s",
    "speech end → final s",
    "final after endpoint s",
    "endpoint s",
    "queue s",
    "decode s",
    "NE",
    "UPWR",
    "stable retracted",
    "stable wrong %",
    "invented (final/shown)",
    "loops",
    "no text",
    "failed",
)
"""Durations are p50/p95; `scores.SetScore` says over what."""

LONG_COLUMNS = (
    "long recording",
    "minutes",
    "finals",
    "final s, first third",
    "last third",
    "drift ms per minute",
    "finals with a loop",
    "last words there",
    "last final's end s off",
)

SPLIT = ("partial", "speculative", "final", "language", "silero", "gateway", "other")
"""Fields of `CpuSplit`, in the order in which they are told."""


def _table(sets: Sequence[SetScore]) -> list[str]:
    return table(COLUMNS, map(_row, sets))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table."""
    lines = [columns, ("---",) * len(columns), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def _row(score: SetScore) -> tuple[str, ...]:
    return (
        score.set,
        score.language,
        str(score.clips),
        f"{score.seconds:.0f}",
        number(score.wer),
        number(score.offline_wer),
        number(score.dwer, sign="+"),
        spread(score.first_partial_s),
        spread(score.word_s),
        spread(score.speech_end_to_final_s),
        spread(score.after_endpoint_s),
        spread(score.endpoint_s),
        spread(score.queue_s),
        spread(score.decode_s),
        number(score.erasure, digits=2),
        number(score.upwr, digits=2),
        str(score.stability.stable_retractions),
        number(score.stable_wrong_percent),
        f"{score.invented_words}/{score.flashed_words}",
        str(score.loops),
        str(score.silent_clips),
        str(score.failures),
    )


def _load_lines(report: Report) -> list[str]:
    load = report.load
    lines = [
        f"CPU {load.cpu_per_audio_s:.2f} s per second of clip, memory at most "
        f"{load.most_memory_bytes / 1e6:.0f} MB, {load.audio_s:.0f} s of clips in "
        f"{load.wall_s:.0f} s.",
    ]
    if report.offline_cpu_per_audio_s is not None:
        lines.append(
            f"The offline reference took {report.offline_cpu_per_audio_s:.2f} CPU "
            "seconds per second of clip, one decode on the full window."
        )
    return ["  \n".join(lines)]


def _split_lines(report: Report) -> list[str]:
    lines = []
    if report.load.cpu is not None:
        parts = [f"{name} {getattr(report.load.cpu, name):.3f}" for name in SPLIT]
        lines.append(f"CPU by what it was for: {', '.join(parts)}.")
    if report.redundancy is not None:
        rho = report.redundancy
        lines.append(
            f"Encoder work over offline, full windows (ρ): {rho.total:.2f}; partials "
            f"{rho.partials:.2f}, finals {rho.finals:.2f}."
        )
    waits = final_waits(report.load.counters)
    if waits is not None:
        lines.append(
            f"Finals waited on average for the endpoint {waits.endpoint_s:.2f} s, then "
            f"in the queue {waits.queue_s:.2f} s and for decodes "
            f"{waits.decode_s:.2f} s (n = {waits.finals})."
        )
    return ["", "  \n".join(lines)] if lines else []


def _long_lines(report: Report) -> list[str]:
    if not report.long:
        return []
    growth = memory_growth_mb_per_min(report.load.memory)
    said = f"Memory: {number(growth, digits=2, sign='+')} MB per minute, second half."
    return ["", *table(LONG_COLUMNS, map(_long_row, report.long)), "", said]


def _long_row(run: LongRun) -> tuple[str, ...]:
    drift_ms = None if run.drift_s_per_min is None else 1000 * run.drift_s_per_min
    return (
        run.key,
        f"{run.minutes:.1f}",
        str(run.finals),
        number(run.early_s, digits=2),
        number(run.late_s, digits=2),
        number(drift_ms, sign="+"),
        str(run.looping_finals),
        f"{run.last_words} of {LAST_WORDS}",
        number(run.last_off_s, digits=2, sign="+"),
    )


def _design_lines(designs: Sequence[DesignScore]) -> list[str]:
    if not designs:
        return []
    rows = (_design_row(design, designs[0]) for design in designs)
    return ["", *table(DESIGN_COLUMNS, rows)]


def _design_row(design: DesignScore, first: DesignScore) -> tuple[str, ...]:
    rho = design.redundancy
    return (
        design.name,
        number(design.wer),
        number(design.cpu_per_speech_s, digits=2),
        number(cpu_ratio(design, first)),
        number(rho.total if rho else None),
        spread(design.first_partial_s),
        spread(design.speech_end_to_final_s),
    )


def _steadiness_lines(report: Report) -> list[str]:
    wrong = sum(score.stability.stable_wrong for score in report.sets)
    stable = sum(score.stability.stable_words for score in report.sets)
    finals = sum(score.stability.final_words for score in report.sets)
    behind = max((clip.client_behind_s for clip in report.clips), default=0.0)
    return [
        f"Stable before the end: {stable} of {finals} words of finals; {wrong} of them "
        f"are not in the final. The client was at most {1000 * behind:.0f} ms late."
    ]


def number(value: float | None, *, digits: int = 1, sign: str = "") -> str:
    """Return a number for a table; a dash for none."""
    return "–" if value is None else f"{value:{sign}.{digits}f}"


def spread(seconds: Spread) -> str:
    """Return middle and tail of durations for a table; a dash without any."""
    if seconds.p50 is None or seconds.p95 is None:
        return "–"
    return f"{seconds.p50:.2f}/{seconds.p95:.2f}"


def _write_json(path: Path, value: object) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"
