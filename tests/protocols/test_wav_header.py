"""Headers of WAV files that come before the samples."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whispercpp_ws.events import AudioFormat, Encoding
from whispercpp_ws.protocols.wav_header import read_wav_header


def header(
    tag: int = 1, bits: int = 16, *, rate: int = 16_000, channels: int = 1
) -> bytes:
    body = struct.pack("<HHIIHH", tag, channels, rate, 0, 0, bits)
    return b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + body + b"data\0\0\0\0"


@pytest.mark.parametrize(
    ("data", "audio"),
    [
        (header(), AudioFormat()),
        (header(3, 32), AudioFormat(Encoding.F32LE)),
        (header(6, 8, rate=8000), AudioFormat(Encoding.ALAW, 8000)),
        (header(7, 8, channels=2), AudioFormat(Encoding.MULAW, channels=2)),
    ],
)
def test_the_format_is_read(data: bytes, audio: AudioFormat) -> None:
    found = read_wav_header(data + b"samples")
    assert found is not None
    assert (found.audio, found.length) == (audio, 44)


@pytest.mark.parametrize(
    "data", [header(1, 24), header(rate=4000), header(channels=0), header(channels=99)]
)
def test_a_format_no_session_reads_is_none(data: bytes) -> None:
    found = read_wav_header(data)
    assert found is not None
    assert found.audio is None


def test_chunks_before_the_samples_are_passed_over() -> None:
    data = header()[:36] + b"LIST\x03\0\0\0abc\0" + b"data\0\0\0\0"
    found = read_wav_header(data)
    assert found is not None
    assert found.length == len(data)


def test_a_short_format_chunk_is_no_format() -> None:
    found = read_wav_header(b"RIFF\0\0\0\0WAVEfmt \2\0\0\0\1\0data\0\0\0\0")
    assert found is not None
    assert found.audio is None


@given(st.binary(max_size=80))
def test_other_bytes_are_no_header(data: bytes) -> None:
    assert read_wav_header(data) is None
    assert read_wav_header(header()[:20] + data[:8]) is None
