"""`whispercpp-ws transcribe`: write what audio files say, without a server."""

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from whispercpp_ws.audio_file import read_mono
from whispercpp_ws.cli.captions import WRITERS, FileTranscript
from whispercpp_ws.cli.loading import fetched_model
from whispercpp_ws.cli.progress import ProgressBar
from whispercpp_ws.cli.settings import Subparsers, add_options, config_from
from whispercpp_ws.config.table import LANGUAGE
from whispercpp_ws.decoding import SAMPLE_RATE, DecodeOptions
from whispercpp_ws.engines import EngineOptions, load_engine
from whispercpp_ws.engines.base import Engine, Lane
from whispercpp_ws.errors import ConfigError
from whispercpp_ws.session.resample import resample
from whispercpp_ws.transcript import Segment


@dataclass(frozen=True, slots=True)
class TranscribeJob:
    """Which files, into what."""

    files: tuple[Path, ...]
    form: str = "txt"
    output_dir: Path | None = None
    language: str = "auto"
    translate: bool = False


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "transcribe", help="write what audio files say, without a server"
    )
    parser.add_argument(
        "files", type=Path, nargs="+", metavar="FILE", help="WAV, FLAC, OGG or MP3"
    )
    forms = parser.add_mutually_exclusive_group()
    for form, meaning in (
        ("txt", "plain text (default)"),
        ("srt", "SubRip captions"),
        ("vtt", "WebVTT captions"),
        ("json", "one JSON object for each file, with segments and words"),
    ):
        forms.add_argument(
            f"--{form}", dest="form", action="store_const", const=form, help=meaning
        )
    parser.add_argument("--lang", default="auto", help="ISO 639-1 code or auto")
    parser.add_argument("--translate", action="store_true", help="translate to English")
    parser.add_argument(
        "--output-dir", type=Path, metavar="DIR", help="write one file for each there"
    )
    add_options(parser, ("model", "quant", "models-dir"))
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Transcribe every file; returns 0."""
    job = TranscribeJob(
        files=tuple(args.files),
        form=args.form or "txt",
        output_dir=args.output_dir,
        language=LANGUAGE.read(args.lang, "--lang"),
        translate=args.translate,
    )
    _refuse_mixed_captions(job)
    spec = fetched_model(config_from(args).models)
    engine = load_engine(
        "whispercpp", spec.path, EngineOptions(spec.name, word_times=False)
    )
    with _ctrl_c_at_once():
        transcribe_files(job, engine)
    return 0


def transcribe_files(job: TranscribeJob, engine: Engine) -> None:
    """
    Decode every file in turn, then close the engine.

    Raises:
        BadAudio: a file cannot be read; those before it are done.
    """
    lane = engine.open_lane()
    try:
        for file in job.files:
            transcript = _transcribed(job, file, lane, engine.info.model)
            _write(job, transcript)
    finally:
        lane.close()
        engine.close()


def _transcribed(
    job: TranscribeJob, file: Path, lane: Lane, model: str
) -> FileTranscript:
    samples = resample(*read_mono(file))
    seconds = len(samples) / SAMPLE_RATE
    bar = ProgressBar(unit="s", scale=1)

    def on_segment(segment: Segment) -> None:
        bar(file.name, min(round(segment.end_s), round(seconds)), round(seconds))

    options = DecodeOptions(language=job.language, translate=job.translate)
    try:
        said = lane.transcribe(samples, options, on_segment)
    finally:
        bar.finish()
    return FileTranscript(str(file), model, said.language, seconds, said.segments)


def _write(job: TranscribeJob, transcript: FileTranscript) -> None:
    text = WRITERS[job.form](transcript)
    if job.output_dir is None:
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    name = f"{Path(transcript.file).stem}.{job.form}"
    try:
        job.output_dir.mkdir(parents=True, exist_ok=True)
        (job.output_dir / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"--output-dir: expected a folder that can be written, got "
            f"{job.output_dir} ({error.strerror})",
            field="output-dir",
        ) from error


def _refuse_mixed_captions(job: TranscribeJob) -> None:
    stems = [file.stem for file in job.files]
    if job.output_dir is not None and len(set(stems)) < len(stems):
        raise ConfigError("--output-dir: two of the files have the same name")
    if job.output_dir is None and job.form in ("srt", "vtt") and len(stems) > 1:
        raise ConfigError(
            f"--{job.form}: expected one file, or --output-dir for several, "
            f"got {len(stems)} files"
        )


@contextmanager
def _ctrl_c_at_once() -> Iterator[None]:
    """
    Let Ctrl-C end the process while C code runs.

    Python would raise KeyboardInterrupt inside a ctypes callback, where it is lost,
    or only when the whole file is done.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
