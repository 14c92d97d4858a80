"""The command line of the benchmark."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from scripts.bench import offline, report
from scripts.bench.adapters.base import Adapter
from scripts.bench.adapters.unsettled import without_finals
from scripts.bench.costs import redundancy
from scripts.bench.designs import DesignScore, score_design
from scripts.bench.longrun import long_runs
from scripts.bench.manifest import (
    ROOT,
    Clip,
    Selection,
    bundled_sample,
    joined,
    read_manifest,
    select,
)
from scripts.bench.run import Load, Streaming, stream_all
from scripts.bench.scores import (
    ClipRun,
    ClipScore,
    score_clip,
    score_languages,
    score_sets,
)
from scripts.bench.servers import (
    DESIGNS,
    WHISPER_SERVER,
    Models,
    Server,
    adapter_for,
    add_arguments,
    server_from,
)
from whispercpp_ws.cli.loading import fetched_model, fetched_vad
from whispercpp_ws.config import ModelConfig
from whispercpp_ws.engines import EngineOptions, load_engine
from whispercpp_ws.engines.whispercpp.flops import EncoderShape
from whispercpp_ws.engines.whispercpp.model_file import read_layout
from whispercpp_ws.errors import SpeechError
from whispercpp_ws.models.registry import ModelSpec


DEFAULT_MANIFEST = ROOT.parent / "shared" / "speech" / "manifest.tsv"
"""Beside the checkout; without it the bundled sample is streamed."""

Streamed = tuple[list[ClipRun], Load]
Scored = tuple[list[ClipScore], Load]


@dataclass(frozen=True, slots=True)
class Job:
    """What one run is asked to do."""

    clips: tuple[Clip, ...]
    models: ModelConfig
    endpoint_ms: int
    how: Streaming
    output: Path
    has_offline: bool
    has_padded: bool
    """Whether to replay the clips through the padded design too."""
    server: Server
    serve_options: tuple[str, ...] = ()
    """Further flags of this repository's server."""

    @property
    def is_replayed(self) -> bool:
        """Whether any of it runs the model in this process."""
        return self.has_padded or self.server.name in DESIGNS


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns 1 when it cannot run or a stream failed."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.whisper_server and args.server not in (None, WHISPER_SERVER):
        parser.error(f"--whisper-server goes with --server {WHISPER_SERVER} only")
    try:
        return run(_job(args))
    except SpeechError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def run(job: Job) -> int:
    """Stream, score, write and print; returns 1 when a stream failed."""
    models = _models(job)
    adapter = adapter_for(job.server, models, job.output / "server.log")
    runs, load = asyncio.run(_streamed(job, adapter))
    texts = _offline_texts(job, models.spec) if job.has_offline else None
    said = texts.texts if texts else {}
    scores = [_score(adapter, run, said.get(run.clip.key)) for run in runs]
    endpoint_s = job.endpoint_ms / 1000
    done = report.Report(
        about=_about(job, adapter),
        load=load,
        sets=score_sets(scores, endpoint_s),
        clips=scores,
        languages=score_languages(scores, endpoint_s),
        redundancy=redundancy(load.counters, load.speech_s, _encoder_of(models.spec)),
        offline_cpu_per_audio_s=texts.cpu_per_audio_s if texts else None,
        long=long_runs(runs),
        designs=_designs(job, models, (scores, load)) if job.has_padded else (),
    )
    report.write(done, runs, job.output)
    _draw(done, runs, job.output)
    print(f"\n{report.markdown(done)}\n\nWritten to {job.output}")
    return 1 if any(score.failure for score in scores) else 0


async def _streamed(job: Job, adapter: Adapter) -> Streamed:
    await adapter.start()
    print(f"Streaming {len(job.clips)} clips through {adapter.title}", flush=True)
    try:
        return await stream_all(adapter, job.clips, job.how, _Progress(job, adapter))
    finally:
        await adapter.stop()


def _models(job: Job) -> Models:
    return Models(
        config=job.models,
        spec=fetched_model(job.models),
        vad=fetched_vad(job.models) if job.is_replayed else None,
        endpoint_ms=job.endpoint_ms,
        serve_options=job.serve_options,
    )


def _designs(job: Job, models: Models, done: Scored) -> list[DesignScore]:
    """Replay the clips in each design, so that all are measured alike."""
    encoder, scored = _encoder_of(models.spec), []
    for name in DESIGNS:
        is_done = name == job.server.name
        scores, load = done if is_done else _replayed(job, models, name)
        scored.append(score_design(name, scores, load, encoder))
    return scored


def _replayed(job: Job, models: Models, name: str) -> Scored:
    adapter = adapter_for(replace(job.server, name=name), models, job.output)
    runs, load = asyncio.run(_streamed(job, adapter))
    return [_score(adapter, run, None) for run in runs], load


def _encoder_of(model: ModelSpec) -> EncoderShape:
    return EncoderShape.of(read_layout(model.path).header)


def _offline_texts(job: Job, model: ModelSpec) -> offline.OfflineTexts:
    print("Decoding the clips offline, on the full window", flush=True)
    engine = load_engine(
        "whispercpp", model.path, EngineOptions(model.name, word_times=False)
    )
    spoken = [clip for clip in job.clips if not clip.is_nonspeech]
    return offline.transcribe(engine, spoken, _print_offline)


def _score(adapter: Adapter, run: ClipRun, offline_text: str | None) -> ClipScore:
    score = score_clip(run, offline_text)
    return score if adapter.has_finals else without_finals(score)


class _Progress:
    """Prints a line for each clip that is through."""

    def __init__(self, job: Job, adapter: Adapter) -> None:
        self._adapter = adapter
        self._count = 0
        self._all = len(job.clips)

    def __call__(self, run: ClipRun) -> None:
        self._count += 1
        score = _score(self._adapter, run, None)
        shown = (
            run.timeline.failure
            or f"{score.invented_words} invented words" * run.clip.is_nonspeech
            or _in_short(score)
        )
        print(f"[{self._count}/{self._all}] {run.clip.key}: {shown}", flush=True)


def _in_short(score: ClipScore) -> str:
    first, delay = score.first_partial.after_speech_s, score.speech_end_to_final_s
    told = {
        "WER {:.1f} %": score.edits.rate_percent,
        "first text after {:.2f} s": first,
        "final after {:.2f} s": delay,
    }
    found = [form.format(value) for form, value in told.items() if value is not None]
    return ", ".join(found) or "nothing"


def _print_offline(clip: Clip) -> None:
    print(f"  {clip.key}", flush=True)


def _draw(done: report.Report, runs: Sequence[ClipRun], folder: Path) -> None:
    # Only here: it takes a second to import, and no other number needs it.
    from scripts.bench import plots

    spoken = [run for run in runs if run.clip.reference]
    shown = max(spoken, key=lambda run: len(run.timeline.shown), default=None)
    plots.draw(done.clips, done.sets, shown, folder)


def _about(job: Job, adapter: Adapter) -> report.About:
    return report.About(
        server=adapter.title,
        machine=report.machine_name(),
        build=adapter.build,
        date=report.now(),
        clients=job.how.clients,
        endpoint_ms=job.endpoint_ms,
    )


def _job(args: argparse.Namespace) -> Job:
    models = ModelConfig(model=args.model, quant=args.quant)
    wanted = Selection(
        sets=frozenset(args.set),
        languages=frozenset(args.language),
        limit_per_set=args.limit,
        max_s=args.max_seconds,
    )
    return Job(
        clips=joined(
            select(_manifest(args.manifest), wanted), minutes=args.session_minutes
        ),
        models=models,
        endpoint_ms=args.endpoint,
        how=Streaming(clients=args.clients, language="auto" if args.auto else ""),
        output=args.output or default_output(),
        has_offline=args.offline,
        has_padded=args.padded,
        server=server_from(args),
        serve_options=tuple(args.serve_options),
    )


def _manifest(path: Path | None) -> tuple[Clip, ...]:
    if path is None and not DEFAULT_MANIFEST.is_file():
        return bundled_sample()
    return read_manifest(path or DEFAULT_MANIFEST)


def default_output() -> Path:
    """Return a folder by the time of day."""
    return ROOT / "build" / "bench" / datetime.now(UTC).strftime("%Y-%m-%d-%H%M%S")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.bench",
        description="Stream recordings at real-time pace and score what comes back.",
    )
    add = parser.add_argument
    add("--manifest", type=Path, help="tab-separated list of clips")
    add("--set", action="append", default=[], help="only this set; may be repeated")
    add(
        "--language",
        action="append",
        default=[],
        help='only clips in it ("none": nobody speaks); may be repeated',
    )
    add("--limit", type=int, default=0, help="clips of each set; 0 takes all")
    add("--max-seconds", type=float, default=0.0, help="longest clip; 0 takes all")
    add(
        "--session-minutes",
        type=float,
        default=0.0,
        metavar="N",
        help="join clips, of one language at a time and again from the first, into "
        "recordings of at least so long; 0 leaves clips as they are",
    )
    add("--clients", type=_positive, default=1, help="streams at once")
    add("--auto", action="store_true", help="let the server detect the language")
    add("--model", default="base", help="catalogue name")
    add("--quant", default="q8_0", help="quantisation")
    add("--endpoint", type=int, default=600, help="silence that ends, in ms")
    add("--offline", action="store_true", help="also decode on full windows (slow)")
    add(
        "--padded",
        action="store_true",
        help="also replay the clips in simulated time, in this design and in the "
        "padded one, and compare them (slow: about 5 CPU seconds for each of audio)",
    )
    add("--output", type=Path, help="folder of the results (build/bench/<date>)")
    add_arguments(parser)
    add("serve_options", nargs="*", help="after --: more options of `serve`")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, got {text}")
    return value
