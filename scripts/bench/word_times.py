"""
How far the times of words are from where the words are.

    python -m scripts.bench.word_times --limit 4

Nobody wrote down when each word of these recordings is said. What can be known without
a recogniser's times is where it is quiet: the word before a pause ends where the pause
starts, and the word after it starts where it ends. Which two words those are is told
by their text: the two sides of the pause are decoded apart, and a pause counts where
both sides agree with the whole. Long recordings have segments whose text is known.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from scripts.bench import report
from scripts.bench.command import DEFAULT_MANIFEST
from scripts.bench.manifest import ROOT, Clip, Selection, read_manifest, select
from scripts.bench.pauses import absolute_percentiles, edge_errors, in_silence
from scripts.bench.recordings import (
    LONGEST_S,
    Recording,
    clip_recording,
    read_segments,
    segment_recordings,
)
from scripts.bench.word_sources import SOURCES, Decoders, Timed
from whispercpp_ws.cli.loading import fetched_model
from whispercpp_ws.config import ModelConfig
from whispercpp_ws.engines import EngineOptions, load_engine
from whispercpp_ws.engines.base import Engine
from whispercpp_ws.errors import SpeechError
from whispercpp_ws.models.registry import ModelSpec


LANGUAGES = frozenset(("en", "ru", "de", "fr", "es", "pt"))
"""Those with spaces between words."""
SHORTEST_S = 3.0
"""Shortest clip that may have a pause."""


@dataclass(frozen=True, slots=True)
class SourceScore:
    """One source over all recordings; errors in seconds, late is positive."""

    source: str
    end_errors_s: tuple[float, ...]
    start_errors_s: tuple[float, ...]
    words: int
    words_in_silence: int
    cpu_per_audio_s: float


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print and write; returns 1 when the clips or the model are missing."""
    args = _parser().parse_args(argv)
    try:
        model = fetched_model(ModelConfig(model=args.model, quant=args.quant))
        clips = select(read_manifest(args.manifest), _selection(args))
        scores = _measured(clips, model)
    except SpeechError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    text = "\n".join(markdown(scores, model.name))
    args.output.mkdir(parents=True, exist_ok=True)
    told = {name: list(map(asdict, group)) for name, group in scores.items()}
    (args.output / "word_times.json").write_text(json.dumps(told, indent=1))
    (args.output / "word_times.md").write_text(text + "\n", encoding="utf-8")
    print(text)
    return 0


def markdown(scores: Mapping[str, Sequence[SourceScore]], model: str) -> list[str]:
    """Return where the numbers come from, and a table of every source."""
    columns = (
        *("audio", "source", "pauses", "word end ms", "word start ms"),
        *("words in silence", "CPU s per s"),
    )
    rows = (_row(name, score) for name, group in scores.items() for score in group)
    about = f"{report.machine_name()}. {report.build_name()}, {model}. {report.now()}."
    legend = "Absolute errors are p50/p95; in brackets the median, late is positive."
    return [about, "", *report.table(columns, rows), "", legend]


def score(
    recordings: Sequence[tuple[Recording, Mapping[str, Timed]]],
) -> list[SourceScore]:
    """Compare the sources over the same recordings."""
    return [_score(source, recordings) for source in SOURCES]


def _score(
    source: str, recordings: Sequence[tuple[Recording, Mapping[str, Timed]]]
) -> SourceScore:
    pairs = [(recording, timed[source]) for recording, timed in recordings]
    errors = [edge_errors(timed.words, one.marks) for one, timed in pairs]
    seconds = sum(one.sound.seconds for one, _ in pairs)
    return SourceScore(
        source=source,
        end_errors_s=tuple(e for found in errors for e in found.ends),
        start_errors_s=tuple(e for found in errors for e in found.starts),
        words=sum(len(timed.words) for _, timed in pairs),
        words_in_silence=sum(in_silence(t.words, one.pauses) for one, t in pairs),
        cpu_per_audio_s=sum(timed.cpu_s for _, timed in pairs) / max(seconds, 1e-9),
    )


def _measured(
    clips: Sequence[Clip], model: ModelSpec
) -> dict[str, Sequence[SourceScore]]:
    decoders = Decoders(*(_engine(model, word_times) for word_times in (True, False)))
    try:
        timed = {
            name: [
                (one, decoders.timed(one.samples, one.language)) for one in recordings
            ]
            for name, recordings in _recordings(decoders, clips).items()
        }
        return {name: score(found) for name, found in timed.items() if found}
    finally:
        decoders.close()


def _recordings(
    decoders: Decoders, clips: Sequence[Clip]
) -> dict[str, Iterator[Recording]]:
    """Sort clips into those with segments beside them and those to find pauses in."""
    beside = {clip: clip.path.with_suffix(".segments.tsv") for clip in clips}
    long = [clip for clip in clips if beside[clip].is_file()]
    short = [clip for clip in clips if SHORTEST_S <= clip.seconds <= LONGEST_S]
    return {
        "clips": (clip_recording(decoders, clip) for clip in _told(short)),
        "segments": (
            one
            for clip in _told(long)
            for one in segment_recordings(clip, read_segments(beside[clip]))
        ),
    }


def _told(clips: Iterable[Clip]) -> Iterator[Clip]:
    for clip in clips:
        print(f"  {clip.key}", file=sys.stderr, flush=True)
        yield clip


def _engine(model: ModelSpec, word_times: bool) -> Engine:
    options = EngineOptions(model.name, word_times=word_times)
    return load_engine("whispercpp", model.path, options)


def _row(name: str, score: SourceScore) -> tuple[str, ...]:
    return (
        name,
        score.source,
        str(len(score.end_errors_s)),
        _milliseconds(score.end_errors_s),
        _milliseconds(score.start_errors_s),
        f"{score.words_in_silence} of {score.words}",
        f"{score.cpu_per_audio_s:.3f}",
    )


def _milliseconds(errors_s: Sequence[float]) -> str:
    if not errors_s:
        return "–"
    p50, p95 = 1000 * absolute_percentiles(errors_s)
    middle = 1000 * sorted(errors_s)[len(errors_s) // 2]
    return f"{p50:.0f}/{p95:.0f} ({middle:+.0f})"


def _selection(args: argparse.Namespace) -> Selection:
    return Selection(
        sets=frozenset(args.set), languages=LANGUAGES, limit_per_set=args.limit
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.bench.word_times",
        description="Measure the times of words against pauses.",
    )
    add = parser.add_argument
    add("--manifest", type=Path, default=DEFAULT_MANIFEST, help="list of clips")
    add("--set", action="append", default=[], help="only this set; may be repeated")
    add("--limit", type=int, default=0, help="clips of each set; 0 takes all")
    add("--model", default="base", help="catalogue name")
    add("--quant", default="q8_0", help="quantisation")
    add(
        "--output",
        type=Path,
        default=ROOT / "build" / "bench" / "word-times",
        help="folder of the results (build/bench/word-times)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
