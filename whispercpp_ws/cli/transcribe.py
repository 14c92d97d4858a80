"""`whispercpp-ws transcribe`: write what audio files say, without a server."""

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from whispercpp_ws.audio_file import AudioFile
from whispercpp_ws.cli.captions import WRITERS, FileTranscript
from whispercpp_ws.cli.inputs import (
    STDIN,
    add_inputs,
    each,
    files_of,
    open_stdin,
    raw_format,
)
from whispercpp_ws.cli.loading import fetched_model
from whispercpp_ws.cli.messages import say
from whispercpp_ws.cli.outputs import OutputFolder
from whispercpp_ws.cli.progress import ProgressBar
from whispercpp_ws.cli.settings import (
    Subparsers,
    add_options,
    config_from,
    with_examples,
)
from whispercpp_ws.config.table import LANGUAGE
from whispercpp_ws.decoding import SAMPLE_RATE, DecodeOptions
from whispercpp_ws.engines import EngineOptions, load_engine
from whispercpp_ws.engines.base import Engine, Lane
from whispercpp_ws.errors import ConfigError
from whispercpp_ws.events import AudioFormat
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
    raw: AudioFormat = AudioFormat()
    """What the standard input holds when it has no header."""


EXAMPLES = """
examples:
  whispercpp-ws transcribe talk.flac
  whispercpp-ws transcribe --srt --output-dir captions --lang ru 'talks/**/*.mp3'
  ffmpeg -i film.mkv -f wav - | whispercpp-ws transcribe - --vtt > film.vtt

Of several files one that fails is told, and the others are written all the same.
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = with_examples(
        subparsers,
        "transcribe",
        "write what audio files say, without a server",
        EXAMPLES,
    )
    add_inputs(parser)
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
    """Transcribe every file; returns 0, or 1 when one of several failed."""
    job = TranscribeJob(
        files=files_of(args.files),
        form=args.form or "txt",
        output_dir=args.output_dir,
        language=LANGUAGE.read(args.lang, "--lang"),
        translate=args.translate,
        raw=raw_format(args),
    )
    _refuse_mixed_captions(job)
    spec = fetched_model(config_from(args).models)
    engine = load_engine(
        "whispercpp", spec.path, EngineOptions(spec.name, word_times=False)
    )
    with _ctrl_c_at_once():
        return transcribe_files(job, engine)


def transcribe_files(job: TranscribeJob, engine: Engine) -> int:
    """
    Decode every file in turn, then close the engine; returns the status.

    Raises:
        BadAudio: the only file cannot be read; one of several is told.
    """
    lane = engine.open_lane()

    def transcribe(file: Path) -> None:
        _write(job, file, _transcribed(job, file, lane, engine.info.model))

    try:
        return each(job.files, transcribe, say)
    finally:
        lane.close()
        engine.close()


def _transcribed(
    job: TranscribeJob, file: Path, lane: Lane, model: str
) -> FileTranscript:
    with _opened(job, file) as audio:
        samples = resample(audio.read_mono(), audio.rate)
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


def _opened(job: TranscribeJob, file: Path) -> AudioFile:
    if file == STDIN:
        return open_stdin(job.raw, sys.stdin.buffer)
    return AudioFile.open(file)


def _write(job: TranscribeJob, file: Path, transcript: FileTranscript) -> None:
    text = WRITERS[job.form](transcript)
    if job.output_dir is not None:
        with OutputFolder(job.output_dir, job.form, job.files).opened(file) as out:
            out.write(text)
        return
    if job.form == "txt" and len(job.files) > 1:
        sys.stdout.write(f"==> {file} <==\n")
    sys.stdout.write(text)
    sys.stdout.flush()


def _refuse_mixed_captions(job: TranscribeJob) -> None:
    count = len(job.files)
    if job.output_dir is not None:
        OutputFolder(job.output_dir, job.form, job.files)
    elif job.form in ("srt", "vtt") and count > 1:
        raise ConfigError(
            f"--{job.form}: expected one file, or --output-dir for several, "
            f"got {count} files"
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
