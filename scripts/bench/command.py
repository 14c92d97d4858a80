"""The command line of the benchmark."""

import argparse
import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from scripts.bench import offline, report
from scripts.bench.adapters.base import Adapter
from scripts.bench.adapters.environment import Environment
from scripts.bench.adapters.ours import OurOptions, OurServer
from scripts.bench.adapters.sliding_window import SlidingWindow
from scripts.bench.adapters.unsettled import without_finals
from scripts.bench.adapters.whisper_live import WhisperLive
from scripts.bench.adapters.whisper_server import WhisperServer, WhisperServerOptions
from scripts.bench.costs import redundancy
from scripts.bench.manifest import (
    ROOT,
    Clip,
    Selection,
    bundled_sample,
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
from whispercpp_ws.cli.loading import fetched_model
from whispercpp_ws.config import ModelConfig
from whispercpp_ws.engines import EngineOptions, load_engine
from whispercpp_ws.engines.whispercpp.flops import EncoderShape
from whispercpp_ws.engines.whispercpp.model_file import read_layout
from whispercpp_ws.errors import SpeechError
from whispercpp_ws.models.registry import ModelSpec


DEFAULT_MANIFEST = ROOT.parent / "shared" / "speech" / "manifest.tsv"
"""Beside the checkout; without it the bundled sample is streamed."""

BASELINES = ROOT / "build" / "baselines"
"""Where `make bench-baselines` puts environments and weights."""

OURS, WHISPER_SERVER = "ours", "whisper-server"
ENVIRONMENTS: Mapping[str, Callable[[Environment, Path], Adapter]] = {
    "sliding-window": SlidingWindow,
    "whisper-live": WhisperLive,
}
"""Servers that run in an environment of their own."""


@dataclass(frozen=True, slots=True)
class Server:
    """Which server is measured, and where what it needs is."""

    name: str
    program: Path
    """whisper.cpp's server."""
    environment: Environment
    """Of one of `ENVIRONMENTS`."""


@dataclass(frozen=True, slots=True)
class Job:
    """What one run is asked to do."""

    clips: tuple[Clip, ...]
    models: ModelConfig
    endpoint_ms: int
    how: Streaming
    output: Path
    has_offline: bool
    server: Server
    serve_options: tuple[str, ...] = ()
    """Further flags of this repository's server."""


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
    model = fetched_model(job.models)
    adapter = _adapter(job, model)
    runs, load = asyncio.run(_streamed(job, adapter))
    texts = _offline_texts(job, model) if job.has_offline else None
    said = texts.texts if texts else {}
    scores = [_score(adapter, run, said.get(run.clip.key)) for run in runs]
    sets = score_sets(scores, job.endpoint_ms / 1000)
    done = report.Report(
        about=_about(job, adapter),
        load=load,
        sets=sets,
        clips=scores,
        languages=score_languages(scores, job.endpoint_ms / 1000),
        redundancy=redundancy(load.counters, load.speech_s, encoder_of(model)),
        offline_cpu_per_audio_s=texts.cpu_per_audio_s if texts else None,
    )
    report.write(done, runs, job.output)
    _draw(done, runs, job.output)
    print(f"\n{report.markdown(done)}\n\nWritten to {job.output}")
    return 1 if any(score.failure for score in scores) else 0


async def _streamed(job: Job, adapter: Adapter) -> tuple[list[ClipRun], Load]:
    await adapter.start()
    print(f"Streaming {len(job.clips)} clips through {adapter.title}", flush=True)
    try:
        return await stream_all(adapter, job.clips, job.how, _Progress(job, adapter))
    finally:
        await adapter.stop()


def _adapter(job: Job, model: ModelSpec) -> Adapter:
    log, server = job.output / "server.log", job.server
    if server.name == WHISPER_SERVER:
        return WhisperServer(WhisperServerOptions(server.program, model.path), log)
    if server.name in ENVIRONMENTS:
        return ENVIRONMENTS[server.name](server.environment, log)
    options = OurOptions(
        model=job.models.model,
        quant=job.models.quant,
        endpoint_ms=job.endpoint_ms,
        more=("--models-dir", str(model.path.parent), *job.serve_options),
    )
    return OurServer(options, log)


def encoder_of(model: ModelSpec) -> EncoderShape:
    """Read the shape of a model's encoder from its file."""
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
        clips=select(_manifest(args.manifest), wanted),
        models=models,
        endpoint_ms=args.endpoint,
        how=Streaming(clients=args.clients, language="auto" if args.auto else ""),
        output=args.output or _default_output(),
        has_offline=args.offline,
        server=_server(args),
        serve_options=tuple(args.serve_options),
    )


def _server(args: argparse.Namespace) -> Server:
    default = OURS if args.whisper_server is None else WHISPER_SERVER
    name = args.server or default
    return Server(
        name=name,
        program=args.whisper_server or Path(WHISPER_SERVER),
        environment=Environment(
            python=args.python or BASELINES / name / "bin" / "python",
            ct2=args.ct2 or BASELINES / args.model,
        ),
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
    _add_servers(parser)
    add("serve_options", nargs="*", help="after --: more options of `serve`")
    return parser


def _add_servers(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("server under test").add_argument
    add(
        "--server",
        choices=[OURS, WHISPER_SERVER, *ENVIRONMENTS],
        help="this repository's, whisper.cpp's own, faster-whisper over a window of "
        "8 s, or WhisperLive (ours); `make bench-baselines` installs the last two",
    )
    add(
        "--whisper-server",
        type=Path,
        metavar="PROGRAM",
        help="where whisper-server is, if not on PATH; alone it also chooses it",
    )
    add(
        "--python",
        type=Path,
        metavar="PATH",
        help="interpreter of sliding-window or whisper-live "
        "(build/baselines/SERVER/bin/python)",
    )
    add(
        "--ct2",
        type=Path,
        metavar="DIR",
        help="CTranslate2 files of their model (build/baselines/MODEL)",
    )


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, got {text}")
    return value
