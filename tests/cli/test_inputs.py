"""Files come by name, by pattern, or on the standard input."""

import asyncio
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from whispercpp_ws.cli import inputs
from whispercpp_ws.cli.inputs import STDIN, each, files_of, open_stdin, read_stdin
from whispercpp_ws.errors import BadAudio, ConfigError, SpeechError
from whispercpp_ws.events import AudioFormat, Encoding


RAW = AudioFormat(Encoding.MULAW, rate=8_000)


@pytest.fixture
def jfk_file(jfk_wav: Path) -> bytes:
    return jfk_wav.read_bytes()


def test_a_pattern_becomes_the_files_it_matches(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("b.wav", "a.wav", "deep/c.wav"):
        (tmp_path / name).touch()
    assert files_of([f"{tmp_path}/**/*.wav", "-"]) == (
        tmp_path / "a.wav",
        tmp_path / "b.wav",
        tmp_path / "deep" / "c.wav",
        STDIN,
    )


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "a[1].wav"
    file.touch()
    assert files_of([str(file)]) == (file,)


def test_a_missing_file_is_left_to_whoever_opens_it() -> None:
    assert files_of(["absent.wav"]) == (Path("absent.wav"),)


def test_a_pattern_that_matches_nothing_is_named() -> None:
    with pytest.raises(BadAudio, match=r"absent\*\.wav: no file matches"):
        files_of(["absent*.wav"])


def test_the_standard_input_comes_once() -> None:
    with pytest.raises(ConfigError, match="expected - once"):
        files_of(["-", "-"])


def test_the_others_are_done_when_one_fails() -> None:
    done: list[str] = []
    told: list[str] = []

    def work(file: Path) -> None:
        if file.name == "b":
            raise BadAudio("it is broken")
        done.append(file.name)

    assert each([Path("a"), Path("b"), Path("c")], work, told.append) == 1
    assert done == ["a", "c"]
    assert told == ["b: it is broken", "1 of 3 files failed: b"]
    assert each([Path("a")], work, told.append) == 0


def test_the_error_of_the_only_file_is_raised() -> None:
    def work(_file: Path) -> None:
        raise SpeechError("no")

    with pytest.raises(SpeechError, match="no"):
        each([Path("a")], work, print)


@contextmanager
def pipe(*blocks: bytes) -> Iterator[int]:
    """Make a pipe that holds the blocks and ends."""
    reader, writer = os.pipe()
    for block in blocks:
        os.write(writer, block)
    os.close(writer)
    try:
        yield reader
    finally:
        os.close(reader)


async def taken(descriptor: int) -> tuple[AudioFormat, bytes]:
    audio, blocks = await read_stdin(RAW, descriptor)
    return audio, b"".join([block async for block in blocks])


async def test_bytes_without_a_header_are_raw() -> None:
    with pipe(b"abcdef") as reader:
        assert await taken(reader) == (RAW, b"abcdef")


async def test_nothing_at_all_is_raw_and_empty() -> None:
    with pipe() as reader:
        assert await taken(reader) == (RAW, b"")


async def test_a_wav_header_says_what_follows(jfk_file: bytes, jfk_pcm: bytes) -> None:
    header = len(jfk_file) - len(jfk_pcm)
    with pipe(jfk_file[: header + 10]) as reader:
        assert await taken(reader) == (AudioFormat(), jfk_pcm[:10])


async def test_a_header_may_come_in_pieces(jfk_file: bytes) -> None:
    content = jfk_file[:100]
    reader, writer = os.pipe()
    taking = asyncio.create_task(taken(reader))
    for byte in content:
        os.write(writer, bytes([byte]))
        await asyncio.sleep(0)
    os.close(writer)
    audio, samples = await taking
    os.close(reader)
    assert audio == AudioFormat()
    assert content.endswith(samples) and 0 < len(samples) < 100


async def test_a_regular_file_can_be_the_standard_input(
    jfk_wav: Path, jfk_pcm: bytes
) -> None:
    with jfk_wav.open("rb") as file:
        assert await taken(file.fileno()) == (AudioFormat(), jfk_pcm)


async def test_where_nothing_can_be_waited_for_a_thread_reads(
    jfk_file: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(asyncio.get_running_loop(), "add_reader", refuse)
    with pipe(jfk_file[:100]) as reader:
        assert (await taken(reader))[0] == AudioFormat()


async def test_a_header_without_an_end_is_taken_for_samples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inputs, "MAX_HEADER_BYTES", 100)
    endless = b"RIFF\0\0\0\0WAVELIST" + (1 << 30).to_bytes(4, "little") + bytes(200)
    with pipe(endless) as reader:
        assert await taken(reader) == (RAW, endless)


@pytest.mark.parametrize(
    ("head", "named"),
    [
        (b"fLaC" + bytes(60), "got FLAC; give it as a file"),
        (b"OggS" + bytes(60), "got OGG"),
        (b"ID3\x04" + bytes(60), "got MP3"),
    ],
)
async def test_other_formats_are_named(head: bytes, named: str) -> None:
    with pipe(head) as reader, pytest.raises(BadAudio, match=named):
        await taken(reader)


async def test_a_wav_of_another_kind_is_refused(jfk_file: bytes) -> None:
    content = bytearray(jfk_file[:100])
    content[34] = 24
    with pipe(bytes(content)) as reader, pytest.raises(BadAudio, match="another kind"):
        await taken(reader)


@pytest.mark.parametrize(
    ("encoding", "frame_bytes"),
    [("pcm16le", 4), ("f32le", 8), ("mulaw", 2), ("alaw", 2)],
)
def test_raw_pcm_is_read_to_its_end(encoding: str, frame_bytes: int) -> None:
    raw = AudioFormat(Encoding(encoding), rate=8_000, channels=2)
    with open_stdin(raw, io.BytesIO(bytes(frame_bytes * 8_000))) as audio:
        assert (audio.rate, audio.channels, audio.seconds) == (8_000, 2, 1.0)
        assert len(audio.read_mono()) == 8_000


def test_a_whole_file_may_come_in_any_format(jfk_wav: Path) -> None:
    with open_stdin(RAW, io.BytesIO(jfk_wav.read_bytes())) as audio:
        assert (audio.rate, audio.seconds) == (16_000, 11.0)


def test_a_broken_file_is_refused() -> None:
    with pytest.raises(BadAudio, match="standard input: expected a WAV"):
        open_stdin(RAW, io.BytesIO(b"fLaC" + bytes(100)))


def test_there_is_a_limit_to_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "MAX_STDIN_BYTES", 1 << 20)
    with pytest.raises(BadAudio, match="at most 1 MiB"):
        open_stdin(RAW, io.BytesIO(bytes((1 << 20) + 1)))
