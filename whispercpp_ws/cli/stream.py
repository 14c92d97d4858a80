"""`whispercpp-ws stream`: send files to a server as a microphone would."""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from whispercpp_ws.audio_file import AudioFile
from whispercpp_ws.cli.converse import TOKEN_VARIABLE, Service, converse, token_from
from whispercpp_ws.cli.inputs import (
    STDIN,
    add_inputs,
    each,
    files_of,
    raw_format,
    read_stdin,
)
from whispercpp_ws.cli.keyboard import without_echo
from whispercpp_ws.cli.messages import (
    Display,
    FinalLines,
    JsonLines,
    PlainLines,
    Progress,
    Several,
    live_line,
    say,
)
from whispercpp_ws.cli.outputs import OutputFolder
from whispercpp_ws.cli.pacing import paced, unpaced
from whispercpp_ws.cli.progress import ProgressBar
from whispercpp_ws.cli.settings import Subparsers, with_examples
from whispercpp_ws.client.client import DEFAULT_URL
from whispercpp_ws.config.kinds import Whole
from whispercpp_ws.config.table import LANGUAGE
from whispercpp_ws.errors import ConfigError
from whispercpp_ws.events import AudioFormat


CHUNK_MS = Whole(10, 5000)
"""Browsers send 10 to 170 ms; above 5 s a frame would outgrow the server's limit."""

EXAMPLES = """
examples:
  whispercpp-ws stream talk.flac
  whispercpp-ws stream --fast --lang ru --output-dir texts 'talks/**/*.mp3'
  ffmpeg -i film.mkv -f s16le -ar 16000 -ac 1 - | whispercpp-ws stream -
  arecord -f S16_LE -r 44100 -c 2 -t raw | \\
      whispercpp-ws stream - --rate 44100 --channels 2

Several files are sent one after the other; one that fails is told, and the others are
sent all the same. A lost connection is taken up again, and no word is lost.
"""


@dataclass(frozen=True, slots=True)
class StreamJob:
    """What to send, where, and how."""

    file: Path
    service: Service = Service()
    realtime: bool = True
    chunk_ms: int = 60
    raw: AudioFormat = AudioFormat()
    """What the standard input holds when it has no header."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = with_examples(
        subparsers,
        "stream",
        "send audio files to a server as a microphone would",
        EXAMPLES,
    )
    add_inputs(parser)
    add_service(parser)
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument(
        "--realtime",
        action="store_true",
        help="send as fast as one speaks (default, but for the standard input)",
    )
    pace.add_argument(
        "--fast", action="store_true", help="send as fast as the server takes it"
    )
    parser.add_argument(
        "--json", action="store_true", help="print every message as it came"
    )
    parser.add_argument(
        "--chunk-ms", default="60", metavar="MS", help="audio in a frame (%(default)s)"
    )
    parser.add_argument(
        "--output-dir",
        type=Path,
        metavar="DIR",
        help="write the finals of each file there (.txt; with --json all, .jsonl)",
    )
    parser.set_defaults(run=run)


def add_service(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say which server, and what it is to do."""
    parser.add_argument(
        "--url",
        default=DEFAULT_URL,
        help="server (%(default)s); without a path it is /stt",
    )
    parser.add_argument("--lang", default="auto", help="ISO 639-1 code or auto")
    parser.add_argument("--translate", action="store_true", help="translate to English")
    parser.add_argument(
        "--token-file",
        metavar="FILE",
        help=f"file with a token; or set {TOKEN_VARIABLE}",
    )


def service_from(args: argparse.Namespace) -> Service:
    """Return what the flags of `add_service` say; raises ConfigError."""
    return Service(
        url=args.url,
        language=LANGUAGE.read(args.lang, "--lang"),
        translate=args.translate,
        token=token_from(args.token_file),
    )


def run(args: argparse.Namespace) -> int:
    """Stream the files; returns 0 once the server said `end` to each, 1 if not."""
    service, raw = service_from(args), raw_format(args)
    chunk_ms = CHUNK_MS.read(args.chunk_ms, "--chunk-ms")
    files = files_of(args.files)
    if STDIN in files and args.realtime:
        raise ConfigError("--realtime: the standard input is sent as it comes")
    folder = _folder(args, files)

    def stream(file: Path) -> None:
        job = StreamJob(file, service, not args.fast, chunk_ms, raw)
        if len(files) > 1 and folder is None and not args.json:
            print(f"==> {file} <==", flush=True)
        with _output(file, folder) as out, closing(_shown(args, file, out)) as shown:
            asyncio.run(stream_file(job, shown))

    with without_echo(sys.stdin) if sys.stdout.isatty() else nullcontext():
        return each(files, stream, say)


def display() -> Display:
    """Choose how to show text: in place on a terminal, else as lines."""
    return live_line(sys.stdout) if sys.stdout.isatty() else PlainLines(sys.stdout)


async def stream_file(job: StreamJob, display: Display) -> None:
    """Send a file and show every message as it comes; raises as `converse`."""
    if job.file == STDIN:
        audio, blocks = await read_stdin(job.raw, sys.stdin.fileno())
        await converse(job.service, audio, blocks, display)
        return
    with AudioFile.open(job.file) as file:
        audio = AudioFormat(rate=file.rate, channels=file.channels)
        await converse(job.service, audio, _audio(job, file), display)


def _audio(job: StreamJob, file: AudioFile) -> AsyncIterator[bytes]:
    frames = max(1, file.rate * job.chunk_ms // 1000)
    blocks = file.blocks(frames)
    return paced(blocks, frames / file.rate) if job.realtime else unpaced(blocks)


def _folder(args: argparse.Namespace, files: tuple[Path, ...]) -> OutputFolder | None:
    if args.output_dir is None:
        return None
    return OutputFolder(args.output_dir, "jsonl" if args.json else "txt", files)


@contextmanager
def _output(file: Path, folder: OutputFolder | None) -> Iterator[TextIO]:
    """Open where the messages about a file go."""
    if folder is None:
        yield sys.stdout
        return
    with folder.opened(file) as out:
        yield out


def _shown(args: argparse.Namespace, file: Path, out: TextIO) -> Display:
    """Choose how to show messages; a bar only where it is in nobody's way."""
    is_screen = out is sys.stdout and sys.stdout.isatty()
    lines: Display = display()
    if args.json:
        lines = JsonLines(out)
    elif out is not sys.stdout:
        lines = FinalLines(out)
    if is_screen or not sys.stderr.isatty():
        return lines
    bar = Progress(ProgressBar(unit="s", scale=1), file.name, _seconds(file))
    return Several([lines, bar])


def _seconds(file: Path) -> float | None:
    if file == STDIN:
        return None
    with AudioFile.open(file) as audio:
        return audio.seconds
