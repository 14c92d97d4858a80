"""Audio files of every common kind are read, and others refused in one sentence."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from whispercpp_ws import audio_file as audio
from whispercpp_ws.audio_file import AudioFile, read_mono
from whispercpp_ws.errors import BadAudio


def tone(seconds: float = 0.5, rate: int = 16_000) -> np.ndarray:
    times = np.arange(int(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)


def written(path: Path, samples: np.ndarray, rate: int = 16_000, **how: str) -> Path:
    soundfile.write(path, samples, rate, **how)
    return path


def test_the_sample_has_the_shape_its_header_says(jfk_wav: Path) -> None:
    with AudioFile.open(jfk_wav) as file:
        assert (file.rate, file.channels) == (16_000, 1)
        assert file.seconds == 11.0


def test_integer_files_come_back_bit_for_bit(jfk_wav: Path) -> None:
    with AudioFile.open(jfk_wav) as file:
        pcm = b"".join(file.blocks(1600))
    assert len(pcm) == 11 * 16_000 * 2
    assert jfk_wav.read_bytes().endswith(pcm)


def test_blocks_have_the_size_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", np.stack([tone(), tone()], axis=1))
    with AudioFile.open(path) as file:
        sizes = [len(block) for block in file.blocks(3000)]
    assert sizes == [12_000, 12_000, 8_000]


@pytest.mark.parametrize("name", ["a.flac", "a.ogg", "a.mp3", "a.wav"])
def test_common_formats_are_read(tmp_path: Path, name: str) -> None:
    samples, rate = read_mono(written(tmp_path / name, tone(rate=44_100), 44_100))
    assert rate == 44_100
    assert len(samples) == pytest.approx(22_050, abs=3000)
    assert np.abs(samples).max() == pytest.approx(0.5, abs=0.05)


def test_float_files_are_scaled_and_clipped(tmp_path: Path) -> None:
    loud = np.array([0.5, -0.5, 2.0, -2.0], dtype=np.float32)
    path = written(tmp_path / "a.wav", loud, subtype="FLOAT")
    with AudioFile.open(path) as file:
        values = np.frombuffer(b"".join(file.blocks(10)), dtype="<i2")
    assert values.tolist() == [16_384, -16_384, 32_767, -32_768]


def test_channels_are_averaged(tmp_path: Path) -> None:
    both = np.stack([np.full(100, 0.5), np.full(100, -0.25)], axis=1)
    samples, _ = read_mono(written(tmp_path / "a.wav", both))
    assert samples.dtype == np.float32
    assert samples == pytest.approx(np.full(100, 0.125), abs=1e-4)


def test_a_file_without_samples_is_empty(tmp_path: Path) -> None:
    samples, _ = read_mono(written(tmp_path / "a.wav", tone(0)))
    assert len(samples) == 0


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadAudio, match=r"absent\.wav: no such file"):
        AudioFile.open(tmp_path / "absent.wav")


@pytest.mark.parametrize("content", [b"", b"RIFF", b"just text, no audio at all" * 99])
def test_a_file_that_is_no_audio_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(BadAudio, match="expected a WAV, FLAC, OGG or MP3 file"):
        AudioFile.open(path)


def test_a_file_damaged_in_the_middle_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    noise = rng.uniform(-0.5, 0.5, 64_000).astype(np.float32)
    path = written(tmp_path / "a.flac", noise)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    path.write_bytes(content)
    with pytest.raises(BadAudio, match="cannot be read"):
        read_mono(path)


def test_samples_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    bad = np.array([0.0, np.nan], dtype=np.float32)
    path = written(tmp_path / "a.wav", bad, subtype="FLOAT")
    with pytest.raises(BadAudio, match="a sample is not a number"):
        read_mono(path)


def test_a_file_longer_than_the_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audio, "MAX_FILE_S", 0.25)
    with pytest.raises(BadAudio, match="cut the file"):
        read_mono(written(tmp_path / "a.wav", tone(0.5)))
