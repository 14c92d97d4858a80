"""Which files a command is to read, and audio on the standard input."""

import argparse
import asyncio
import glob
import os
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

from whispercpp_ws.audio_file import AudioFile
from whispercpp_ws.config.kinds import Whole
from whispercpp_ws.errors import BadAudio, ConfigError, SpeechError, UnknownFormat
from whispercpp_ws.events import AudioFormat
from whispercpp_ws.protocols.formats import encoding_named
from whispercpp_ws.protocols.wav_header import read_wav_header


STDIN = Path("-")
READ_BYTES = 32 * 1024
MAX_HEADER_BYTES = 64 * 1024
"""A WAV header is 44 bytes as a rule; some programs put lists before the samples."""
MAX_STDIN_BYTES = 512 << 20
"""What `transcribe` keeps of the standard input; 4.6 hours of 16 kHz PCM16."""
RATE = Whole(8_000, 192_000)
CHANNELS = Whole(1, 8)

OTHER_FORMATS = {b"fLaC": "FLAC", b"OggS": "OGG", b"ID3\x03": "MP3", b"ID3\x04": "MP3"}
"""First bytes of files that are no PCM, though one could take them for it."""


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """Add the files and the shape of raw PCM on the standard input."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="WAV, FLAC, OGG or MP3; a pattern such as 'talks/**/*.flac'; "
        "or - for the standard input: WAV, or raw PCM",
    )
    raw = parser.add_argument_group("raw PCM on the standard input")
    raw.add_argument(
        "--rate", default="16000", metavar="HZ", help="samples per second (%(default)s)"
    )
    raw.add_argument(
        "--format",
        default="pcm16le",
        metavar="NAME",
        help="pcm16le, f32le, mulaw or alaw (%(default)s)",
    )
    raw.add_argument(
        "--channels", default="1", metavar="N", help="interleaved (%(default)s)"
    )


def raw_format(args: argparse.Namespace) -> AudioFormat:
    """Return what `--rate`, `--format` and `--channels` say; raises ConfigError."""
    try:
        encoding = encoding_named(args.format)
    except UnknownFormat as error:
        raise ConfigError(f"--{error}", field="format") from error
    return AudioFormat(
        encoding,
        rate=RATE.read(args.rate, "--rate"),
        channels=CHANNELS.read(args.channels, "--channels"),
    )


def files_of(names: Sequence[str]) -> tuple[Path, ...]:
    """
    Put files in place of patterns, which the shell may have left to us.

    Raises:
        BadAudio: nothing matches a pattern.
        ConfigError: the standard input comes twice.
    """
    files = [file for name in names for file in _matching(name)]
    if files.count(STDIN) > 1:
        raise ConfigError("expected - once, got it twice")
    return tuple(files)


def _matching(name: str) -> list[Path]:
    if not glob.has_magic(name) or Path(name).exists():
        return [Path(name)]
    found = sorted(glob.glob(name, recursive=True))
    if not found:
        raise BadAudio(f"{name}: no file matches", field="file")
    return [Path(path) for path in found if Path(path).is_file()]


def each(
    files: Iterable[Path], work: Callable[[Path], None], tell: Callable[[str], None]
) -> int:
    """
    Do the work for every file, and return the status of the command.

    The only file's error is raised. One of several is told, and the others are done.
    """
    files = list(files)
    failed = []
    for file in files:
        try:
            work(file)
        except SpeechError as error:
            if len(files) == 1:
                raise
            text = str(error)
            tell(text if text.startswith(str(file)) else f"{file}: {text}")
            failed.append(str(file))
    if failed:
        tell(f"{len(failed)} of {len(files)} files failed: {', '.join(failed)}")
    return 1 if failed else 0


async def read_stdin(
    raw: AudioFormat, descriptor: int
) -> tuple[AudioFormat, AsyncIterator[bytes]]:
    """
    Return what the standard input holds and its samples, as they come.

    A WAV header says what follows it; without one it is `raw`. Raises BadAudio for
    other formats, which can be given as files.
    """
    blocks = _blocks(descriptor)
    head = b""
    async for block in blocks:
        head += block
        if _is_decided(head) or len(head) >= MAX_HEADER_BYTES:
            break
    audio, start = _recognised(head, raw)
    return audio, _joined(head[start:], blocks)


def open_stdin(raw: AudioFormat, stream: BinaryIO) -> AudioFile:
    """
    Read the standard input to its end: a file of any kind, or else `raw` PCM.

    Raises:
        BadAudio: there is more than `MAX_STDIN_BYTES`, or it cannot be read.
    """
    data = stream.read(MAX_STDIN_BYTES + 1)
    if len(data) > MAX_STDIN_BYTES:
        raise BadAudio(
            f"expected at most {MAX_STDIN_BYTES >> 20} MiB on the standard input, got "
            "more; give it as a file",
            field="file",
        )
    if data[:4] == b"RIFF" or data[:4] in OTHER_FORMATS:
        return AudioFile.of_bytes(data, "standard input")
    return AudioFile.of_pcm(
        data,
        "standard input",
        encoding=raw.encoding.value,
        rate=raw.rate,
        channels=raw.channels,
    )


async def _joined(head: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if head:
        yield head
    async for block in rest:
        yield block


async def _blocks(descriptor: int) -> AsyncIterator[bytes]:
    # A terminal says that it has ended once only, so nothing is read afterwards.
    while block := await _read(descriptor):
        yield block


def _is_decided(head: bytes) -> bool:
    is_wav = len(head) >= 4 and head[:4] == b"RIFF"
    return read_wav_header(head) is not None if is_wav else len(head) >= 4


def _recognised(head: bytes, raw: AudioFormat) -> tuple[AudioFormat, int]:
    if head[:4] in OTHER_FORMATS:
        raise BadAudio(
            f"expected WAV or raw PCM on the standard input, got "
            f"{OTHER_FORMATS[head[:4]]}; give it as a file",
            field="file",
        )
    header = read_wav_header(head)
    if header is None:
        return raw, 0
    if header.audio is None:
        raise BadAudio(
            "expected WAV of PCM16, float32, mu-law or A-law on the standard input, "
            "got another kind; give it as a file",
            field="file",
        )
    return header.audio, header.length


async def _read(descriptor: int) -> bytes:
    """Wait for bytes without a thread, which Ctrl-C could not end."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    try:
        loop.add_reader(descriptor, ready.set)
    except PermissionError:
        # A regular file, which is always ready.
        return os.read(descriptor, READ_BYTES)
    except NotImplementedError:
        # Windows.
        return await asyncio.to_thread(os.read, descriptor, READ_BYTES)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
    return os.read(descriptor, READ_BYTES)
