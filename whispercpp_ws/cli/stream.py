"""`whispercpp-ws stream`: send a file to a server as a microphone would."""

import argparse
import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from whispercpp_ws.cli.messages import Display, JsonLines, LiveLine, PlainLines
from whispercpp_ws.cli.pacing import paced, unpaced
from whispercpp_ws.cli.settings import Subparsers
from whispercpp_ws.client.audio import AudioFile
from whispercpp_ws.client.client import DEFAULT_URL, TranscriptionClient
from whispercpp_ws.config.kinds import KEY_FILE, Whole
from whispercpp_ws.config.table import ENVIRONMENT_PREFIX, LANGUAGE
from whispercpp_ws.errors import ServiceError, SpeechError
from whispercpp_ws.events import AudioFormat, Failed, SessionOptions


TOKEN_VARIABLE = ENVIRONMENT_PREFIX + "TOKEN"

CHUNK_MS = Whole(10, 5000)
"""Browsers send 10 to 170 ms; above 5 s a frame would outgrow the server's limit."""


@dataclass(frozen=True, slots=True)
class StreamJob:
    """What to send, where, and how."""

    file: Path
    url: str = DEFAULT_URL
    language: str = "auto"
    realtime: bool = True
    chunk_ms: int = 100
    token: str | None = None


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "stream", help="send an audio file to a server as a microphone would"
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="WAV, FLAC, OGG or MP3")
    parser.add_argument("--url", default=DEFAULT_URL, help="server (%(default)s)")
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument(
        "--realtime", action="store_true", help="send as fast as one speaks (default)"
    )
    pace.add_argument(
        "--fast", action="store_true", help="send as fast as the server takes it"
    )
    parser.add_argument(
        "--json", action="store_true", help="print every message as it came"
    )
    parser.add_argument("--lang", default="auto", help="ISO 639-1 code or auto")
    parser.add_argument(
        "--chunk-ms", default="100", metavar="MS", help="audio in a frame (%(default)s)"
    )
    parser.add_argument(
        "--token-file",
        metavar="FILE",
        help=f"file with a token; or set {TOKEN_VARIABLE}",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Stream the file; returns 0 once the server said `end`."""
    job = StreamJob(
        file=args.file,
        url=args.url,
        language=LANGUAGE.read(args.lang, "--lang"),
        realtime=not args.fast,
        chunk_ms=CHUNK_MS.read(args.chunk_ms, "--chunk-ms"),
        token=_token(args.token_file),
    )
    asyncio.run(stream_file(job, JsonLines(sys.stdout) if args.json else display()))
    return 0


def display() -> Display:
    """Choose how to show text: in place on a terminal, else as lines."""
    if sys.stdout.isatty():
        return LiveLine(sys.stdout, shutil.get_terminal_size().columns)
    return PlainLines(sys.stdout)


async def stream_file(job: StreamJob, display: Display) -> None:
    """
    Send a file and show every message as it comes.

    Raises:
        BadAudio: the file cannot be read; what could be was sent.
        ServiceError: no server answers, or the connection was lost.
        SpeechError: the error that the server sent.
    """
    with AudioFile.open(job.file) as file:
        async with await TranscriptionClient.connect(
            job.url, _options(job, file), token=job.token, note=_say
        ) as client:
            sender = asyncio.create_task(_send(client, _audio(job, file)))
            try:
                await _receive(client, display)
            finally:
                sender.cancel()
                (sent,) = await asyncio.gather(sender, return_exceptions=True)
    if isinstance(sent, SpeechError):
        raise sent


async def _send(client: TranscriptionClient, audio: AsyncIterator[bytes]) -> None:
    # A lost connection ends the receiving side too, which knows the reason.
    with contextlib.suppress(ServiceError):
        try:
            async for block in audio:
                await client.send_audio(block)
        finally:
            await client.end()


async def _receive(client: TranscriptionClient, display: Display) -> None:
    async for message in client:
        display.show(message)
        if isinstance(message.event, Failed):
            raise message.event.error


def _say(note: str) -> None:
    print(f"whispercpp-ws: {note}", file=sys.stderr, flush=True)


def _audio(job: StreamJob, file: AudioFile) -> AsyncIterator[bytes]:
    frames = max(1, file.rate * job.chunk_ms // 1000)
    blocks = file.blocks(frames)
    return paced(blocks, frames / file.rate) if job.realtime else unpaced(blocks)


def _options(job: StreamJob, file: AudioFile) -> SessionOptions:
    audio = AudioFormat(rate=file.rate, channels=file.channels)
    return SessionOptions(audio=audio, language=job.language)


def _token(path: str | None) -> str | None:
    if path is not None:
        return KEY_FILE.read(path, "--token-file")
    return os.environ.get(TOKEN_VARIABLE) or None
