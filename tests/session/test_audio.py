import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whispercpp_ws.errors import BadAudio
from whispercpp_ws.events import AudioFormat, Encoding
from whispercpp_ws.session.audio import (
    ROOM_SAMPLES,
    PcmReader,
    SampleBuffer,
    decode_pcm,
)


RAMP = np.arange(-1000, 1000, dtype="<i2")


def test_pcm16_is_scaled_to_one() -> None:
    pcm = np.array([-32768, 0, 16384], "<i2").tobytes()
    assert decode_pcm(pcm, AudioFormat()).tolist() == [-1.0, 0.0, 0.5]


def test_f32_beyond_one_is_clipped() -> None:
    pcm = np.array([2.0, -0.25, -9.0], "<f4").tobytes()
    samples = decode_pcm(pcm, AudioFormat(Encoding.F32LE))
    assert samples.tolist() == [1.0, -0.25, -1.0]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_f32_that_is_not_finite_is_bad_audio(value: float) -> None:
    pcm = np.array([0.0, value], "<f4").tobytes()
    with pytest.raises(BadAudio, match="finite"):
        decode_pcm(pcm, AudioFormat(Encoding.F32LE))


# Values from ITU-T G.711 tables 1 and 2: largest, smallest and zero codes.
@pytest.mark.parametrize(
    ("encoding", "code", "value"),
    [
        (Encoding.MULAW, 0x80, 32124),
        (Encoding.MULAW, 0x00, -32124),
        (Encoding.MULAW, 0xFF, 0),
        (Encoding.MULAW, 0xFE, 8),
        (Encoding.ALAW, 0xAA, 32256),
        (Encoding.ALAW, 0x2A, -32256),
        (Encoding.ALAW, 0xD5, 8),
        (Encoding.ALAW, 0x55, -8),
    ],
)
def test_g711_codes_have_their_standard_values(
    encoding: Encoding, code: int, value: int
) -> None:
    samples = decode_pcm(bytes([code]), AudioFormat(encoding))
    assert round(float(samples[0]) * 32768) == value


def test_channels_are_averaged() -> None:
    pcm = np.array([[100, 300], [-200, 0]], "<i2").tobytes()
    samples = decode_pcm(pcm, AudioFormat(channels=2)) * 32768
    assert samples.tolist() == [200.0, -100.0]


@given(st.lists(st.integers(1, 700), max_size=30))
def test_any_chunking_gives_the_same_blocks(sizes: list[int]) -> None:
    pcm = RAMP.tobytes()
    reader = PcmReader(AudioFormat())
    blocks = []
    position = 0
    for size in [*sizes, len(pcm)]:
        blocks += list(reader.receive(pcm[position : position + size]))
        position += size
    joined = np.concatenate([*blocks, reader.receive_eof()])
    assert np.array_equal(joined, decode_pcm(pcm, AudioFormat()))
    assert {len(block) for block in blocks} == {320}


def test_half_a_frame_is_left_over() -> None:
    reader = PcmReader(AudioFormat(channels=2))
    assert list(reader.receive(b"\0" * 7)) == []
    assert len(reader.receive_eof()) == 1
    assert reader.odd_bytes == 3


@given(st.lists(st.integers(0, 40_000), min_size=1, max_size=8))
def test_a_buffer_keeps_samples_at_their_positions(sizes: list[int]) -> None:
    buffer = SampleBuffer()
    for size in sizes:
        start = buffer.end
        buffer.append(np.arange(start, start + size, dtype=np.float32))
        keep = max(buffer.end - 5000, 0)
        buffer.forget(keep)
        held = buffer.slice(max(keep, buffer.first), buffer.end)
        expected = np.arange(max(keep, buffer.first), buffer.end, dtype=np.float32)
        assert np.array_equal(held, expected)


@pytest.mark.parametrize("block", [320, 47, 2_500])
def test_a_buffer_takes_hardly_more_memory_than_what_it_holds(block: int) -> None:
    buffer = SampleBuffer()
    for _ in range(300):
        buffer.append(np.zeros(block, np.float32))
        buffer.forget(buffer.end - 6_400)
    assert len(buffer._store) <= 6_400 + max(block, ROOM_SAMPLES) + ROOM_SAMPLES


def test_a_buffer_that_forgets_stays_small() -> None:
    buffer = SampleBuffer()
    for _ in range(1000):
        buffer.append(np.zeros(16_000, np.float32))
        buffer.forget(buffer.end - 8000)
    assert buffer.end - buffer.first < 64_000
