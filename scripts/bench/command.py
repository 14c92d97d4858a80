"""The command line of the benchmark."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from scripts.bench import offline, report
from scripts.bench.adapters.base import Adapter
from scripts.bench.adapters.ours import OurOptions, OurServer
from scripts.bench.adapters.whisper_server import WhisperServer, WhisperServerOptions
from scripts.bench.manifest import (
    ROOT,
    Clip,
    Selection,
    bundled_sample,
    read_manifest,
    select,
)
from scripts.bench.run import Load, Streaming, stream_all
from scripts.bench.scores import ClipRun, score_clip, score_sets
from whispercpp_ws.cli.loading import fetched_model
from whispercpp_ws.config import ModelConfig
from whispercpp_ws.engines import load_engine
from whispercpp_ws.errors import SpeechError
from whispercpp_ws.models.registry import ModelSpec


DEFAULT_MANIFEST = ROOT.parent / "shared" / "speech" / "manifest.tsv"
"""Beside the checkout; without it the bundled sample is streamed."""


@dataclass(frozen=True, slots=True)
class Job:
    """What one run is asked to do."""

    clips: tuple[Clip, ...]
    models: ModelConfig
    endpoint_ms: int
    how: Streaming
    output: Path
    has_offline: bool
    whisper_server: Path | None
    serve_options: tuple[str, ...] = ()
    """Further flags of this repository's server."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns 1 when it cannot run or a stream failed."""
    args = _parser().parse_args(argv)
    try:
        return run(_job(args))
    except SpeechError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def run(job: Job) -> int:
    """Stream, score, write and print; returns 1 when a stream failed."""
    model = fetched_model(job.models)
    title, runs, load = asyncio.run(_streamed(job, model))
    texts = _offline_texts(job, model) if job.has_offline else None
    said = texts.texts if texts else {}
    scores = [score_clip(run, said.get(run.clip.key)) for run in runs]
    sets = score_sets(scores, job.endpoint_ms / 1000)
    done = report.Report(
        about=_about(job, title),
        load=load,
        sets=sets,
        clips=scores,
        offline_cpu_per_audio_s=texts.cpu_per_audio_s if texts else None,
    )
    report.write(done, runs, job.output)
    _draw(done, runs, job.output)
    print(f"\n{report.markdown(done)}\n\nWritten to {job.output}")
    return 1 if any(score.failure for score in scores) else 0


async def _streamed(job: Job, model: ModelSpec) -> tuple[str, list[ClipRun], Load]:
    adapter = _adapter(job, model)
    await adapter.start()
    print(f"Streaming {len(job.clips)} clips through {adapter.title}", flush=True)
    try:
        runs, load = await stream_all(adapter, job.clips, job.how, _Progress(job))
    finally:
        await adapter.stop()
    return adapter.title, runs, load


def _adapter(job: Job, model: ModelSpec) -> Adapter:
    log = job.output / "server.log"
    if job.whisper_server is not None:
        return WhisperServer(WhisperServerOptions(job.whisper_server, model.path), log)
    options = OurOptions(
        model=job.models.model,
        quant=job.models.quant,
        endpoint_ms=job.endpoint_ms,
        more=("--models-dir", str(model.path.parent), *job.serve_options),
    )
    return OurServer(options, log)


def _offline_texts(job: Job, model: ModelSpec) -> offline.OfflineTexts:
    print("Decoding the clips offline, on the full window", flush=True)
    engine = load_engine("whispercpp", model.path, model=model.name, word_times=False)
    spoken = [clip for clip in job.clips if not clip.is_nonspeech]
    return offline.transcribe(engine, spoken, _print_offline)


class _Progress:
    """Prints a line for each clip that is through."""

    def __init__(self, job: Job) -> None:
        self._count = 0
        self._all = len(job.clips)

    def __call__(self, run: ClipRun) -> None:
        self._count += 1
        score = score_clip(run)
        wer, delay = score.edits.rate_percent, score.speech_end_to_final_s
        shown = (
            run.timeline.failure
            or f"{score.invented_words} invented words" * run.clip.is_nonspeech
            or f"WER {wer or 0:.1f} %, final after {delay or 0:.2f} s"
        )
        print(f"[{self._count}/{self._all}] {run.clip.key}: {shown}", flush=True)


def _print_offline(clip: Clip) -> None:
    print(f"  {clip.key}", flush=True)


def _draw(done: report.Report, runs: Sequence[ClipRun], folder: Path) -> None:
    # Only here: it takes a second to import, and no other number needs it.
    from scripts.bench import plots

    spoken = [run for run in runs if run.clip.reference]
    shown = max(spoken, key=lambda run: len(run.timeline.shown), default=None)
    plots.draw(done.clips, done.sets, shown, folder)


def _about(job: Job, title: str) -> report.About:
    return report.About(
        server=title,
        machine=report.machine_name(),
        build=report.build_name(),
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
        clips=select(_manifest(args.manifest), wanted),
        models=models,
        endpoint_ms=args.endpoint,
        how=Streaming(clients=args.clients, language="auto" if args.auto else ""),
        output=args.output or _default_output(),
        has_offline=args.offline,
        whisper_server=args.whisper_server,
        serve_options=tuple(args.serve_options),
    )


def _manifest(path: Path | None) -> tuple[Clip, ...]:
    if path is None and not DEFAULT_MANIFEST.is_file():
        return bundled_sample()
    return read_manifest(path or DEFAULT_MANIFEST)


def _default_output() -> Path:
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
    add("--clients", type=_positive, default=1, help="streams at once")
    add("--auto", action="store_true", help="let the server detect the language")
    add("--model", default="base", help="catalogue name")
    add("--quant", default="q8_0", help="quantisation")
    add("--endpoint", type=int, default=600, help="silence that ends, in ms")
    add("--offline", action="store_true", help="also decode on full windows (slow)")
    add("--output", type=Path, help="folder of the results (build/bench/<date>)")
    add(
        "--whisper-server",
        type=Path,
        metavar="PROGRAM",
        help="measure whisper.cpp's own server instead of this repository's",
    )
    add("serve_options", nargs="*", help="after --: more options of `serve`")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, got {text}")
    return value
