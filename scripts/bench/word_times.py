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
import csv
import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from scripts.bench import audio, report
from scripts.bench.audio import StreamAudio
from scripts.bench.command import DEFAULT_MANIFEST
from scripts.bench.manifest import ROOT, Clip, Selection, read_manifest, select
from scripts.bench.pauses import (
    PAUSE_S,
    Mark,
    Pause,
    absolute_percentiles,
    edge_errors,
    find_pauses,
    in_silence,
    out_of_silence,
)
from scripts.bench.words import plain_words
from whispercpp_ws.cli.loading import fetched_model
from whispercpp_ws.config import ModelConfig
from whispercpp_ws.decoding import (
    SAMPLE_RATE,
    DecodeOptions,
    DecodeRequest,
    Priority,
    Samples,
)
from whispercpp_ws.engines import EngineOptions, load_engine
from whispercpp_ws.engines.base import Engine, Lane
from whispercpp_ws.engines.whispercpp.words import with_spread_times
from whispercpp_ws.errors import SpeechError
from whispercpp_ws.models.registry import ModelSpec
from whispercpp_ws.session.resample import resample
from whispercpp_ws.session.tuning import Tuning
from whispercpp_ws.session.vad import FRAME_SAMPLES, VoiceDetector
from whispercpp_ws.session.window import trimmed_options
from whispercpp_ws.transcript import Hypothesis, Word


SOURCES = ("dtw", "dtw+vad", "tokens", "spread")
"""Alignment in the decode itself; the same with edges moved out of what webrtcvad takes
for silence; token timestamps of a second decode, on the full window; the words of the
first spread evenly over the window by their characters."""

LANGUAGES = frozenset(("en", "ru", "de", "fr", "es", "pt"))
"""Those with spaces between words."""
SHORTEST_S, LONGEST_S = 3.0, 25.0
"""Clips with a pause, that fit a window."""
MOST_PAUSES = 3
"""Of a clip: the longest; each costs two more decodes."""
SEGMENT_PAUSE_S = 0.1
"""Shortest silence between segments: where they meet is known from elsewhere."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One window, and what is known of it."""

    sound: StreamAudio
    language: str
    pauses: tuple[Pause, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Timed:
    """What one source says of one recording."""

    words: tuple[Word, ...]
    cpu_s: float
    """CPU beyond that of a decode without times."""


@dataclass(frozen=True, slots=True)
class SourceScore:
    """One source over all recordings; errors in seconds, late is positive."""

    source: str
    end_errors_s: tuple[float, ...]
    start_errors_s: tuple[float, ...]
    words: int
    words_in_silence: int
    cpu_per_audio_s: float


class Decoders:
    """The model twice, with alignment and without; to be closed."""

    def __init__(self, aligned: Engine, plain: Engine) -> None:
        self._engines = aligned, plain
        self._aligned = aligned.open_lane()
        self._plain = plain.open_lane()

    def plain(self, samples: Samples, language: str) -> Hypothesis:
        """Decode without times."""
        return self._plain.decode(_request(samples, language))

    def timed(self, recording: Recording) -> dict[str, Timed]:
        """Return the words of a recording by every source."""
        samples, language = _samples(recording.sound), recording.language
        plain = self.plain(samples, language)
        aligned = self._aligned.decode(_request(samples, language))
        spread = with_spread_times(aligned.words, len(samples) / SAMPLE_RATE)
        extra_s = aligned.cost.cpu_s - plain.cost.cpu_s
        voiced = out_of_silence(aligned.words, silences(samples))
        return {
            "dtw": Timed(aligned.words, extra_s),
            "dtw+vad": Timed(tuple(voiced), extra_s),
            "tokens": _by_tokens(self._plain, samples, language),
            "spread": Timed(spread, 0.0),
        }

    def close(self) -> None:
        """Free lanes and weights."""
        for lane in (self._aligned, self._plain):
            lane.close()
        for engine in self._engines:
            engine.close()


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


def clip_recording(decoders: Decoders, clip: Clip) -> Recording:
    """Find the pauses of a clip, and which words stand at the longest of them."""
    sound = audio.load(clip, lead_s=0.0, tail_s=0.0)
    pauses = find_pauses(sound)
    longest = sorted(pauses, key=lambda pause: pause.start_s - pause.end_s)
    samples = _samples(sound)
    marks = [
        _mark(decoders, samples, clip.language, pause)
        for pause in longest[:MOST_PAUSES]
    ]
    return Recording(sound, clip.language, pauses, tuple(marks))


def _mark(decoders: Decoders, samples: Samples, language: str, pause: Pause) -> Mark:
    cut = round(pause.middle_s * SAMPLE_RATE)
    sides = (
        plain_words(decoders.plain(side.copy(), language).text)
        for side in (samples[:cut], samples[cut:])
    )
    return Mark(pause, *sides)


@dataclass(frozen=True, slots=True)
class Segment:
    """A line of a `.segments.tsv` beside a long recording."""

    start_s: float
    end_s: float
    text: str


def read_segments(path: Path) -> tuple[Segment, ...]:
    """Read who says what when."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return tuple(
            Segment(float(row["start"]), float(row["end"]), row["text"]) for row in rows
        )


def segment_recordings(clip: Clip, segments: Sequence[Segment]) -> list[Recording]:
    """Cut a long recording into windows of whole segments; marks where two meet."""
    whole = audio.load(clip, lead_s=0.0, tail_s=0.0)
    return [
        _segment_recording(whole, clip.language, group) for group in _windows(segments)
    ]


def _segment_recording(
    whole: StreamAudio, language: str, group: Sequence[Segment]
) -> Recording:
    start_s = group[0].start_s
    sound = _cut(whole, start_s, group[-1].end_s)
    pauses = find_pauses(sound, least_s=SEGMENT_PAUSE_S)
    marks = []
    for index, (one, other) in enumerate(zip(group, group[1:], strict=False)):
        meets_s = (one.end_s + other.start_s) / 2 - start_s
        before = plain_words(" ".join(s.text for s in group[: index + 1]))
        after = plain_words(" ".join(s.text for s in group[index + 1 :]))
        marks += [
            Mark(pause, before, after)
            for pause in pauses
            if pause.start_s <= meets_s <= pause.end_s
        ]
    return Recording(sound, language, find_pauses(sound), tuple(marks))


def _windows(segments: Iterable[Segment]) -> Iterator[list[Segment]]:
    group: list[Segment] = []
    for segment in segments:
        if group and segment.end_s - group[0].start_s > LONGEST_S:
            yield group
            group = []
        group.append(segment)
    if group:
        yield group


def _cut(sound: StreamAudio, start_s: float, end_s: float) -> StreamAudio:
    frame = 2 * sound.channels
    first, last = (round(at_s * sound.rate) * frame for at_s in (start_s, end_s))
    return replace(sound, pcm=sound.pcm[first:last], seconds=end_s - start_s)


def silences(samples: Samples) -> list[Pause]:
    """Find what webrtcvad takes for silence, `PAUSE_S` or longer."""
    tuning = Tuning()
    vad = VoiceDetector(mode=tuning.vad_mode, energy_floor=tuning.energy_floor)
    frames = samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES]
    heard = [vad.receive(one).voiced for one in frames.reshape(-1, FRAME_SAMPLES)]
    frame_s = FRAME_SAMPLES / SAMPLE_RATE
    found, since = [], 0
    for index, voiced in enumerate([*heard, True]):
        if voiced:
            if (index - since) * frame_s >= PAUSE_S:
                found.append(Pause(since * frame_s, index * frame_s))
            since = index + 1
    return found


def _by_tokens(lane: Lane, samples: Samples, language: str) -> Timed:
    before_s = time.thread_time()
    said = lane.transcribe(samples, DecodeOptions(language), lambda _segment: None)
    words = tuple(word for segment in said.segments for word in segment.words)
    return Timed(words, time.thread_time() - before_s)


def _samples(sound: StreamAudio) -> Samples:
    return resample(sound.mono(), sound.rate)


def _request(samples: Samples, language: str) -> DecodeRequest:
    seconds = len(samples) / SAMPLE_RATE
    options = trimmed_options(
        seconds, language=language, margin_s=Tuning().margin_s, word_times=True
    )
    return DecodeRequest(0, Priority.FINAL, samples, options)


def _measured(
    clips: Sequence[Clip], model: ModelSpec
) -> dict[str, Sequence[SourceScore]]:
    decoders = Decoders(*(_engine(model, word_times) for word_times in (True, False)))
    try:
        timed = {
            name: [(one, decoders.timed(one)) for one in recordings]
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
