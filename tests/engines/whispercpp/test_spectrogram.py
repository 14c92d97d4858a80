"""What a model hears, compared with OpenAI's formula written out."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from whispercpp_ws.decoding import SAMPLE_RATE, Samples
from whispercpp_ws.engines.whispercpp.model_file import N_FFT, read_layout
from whispercpp_ws.engines.whispercpp.spectrogram import Spectrograms, duration_ms


BANK = np.eye(N_FFT, dtype=np.float32)[::20]
"""Bands that are single bins, of 0, 800, 1600 Hz and so on."""


def tone(hertz: float, seconds: float = 0.5) -> Samples:
    times = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (0.5 * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def noise(samples: int) -> Samples:
    return np.random.default_rng(1).uniform(-0.3, 0.3, samples).astype(np.float32)


def written_out(
    samples: Samples, bank: NDArray[np.float32], frames: int
) -> NDArray[np.float64]:
    """Compute frame by frame, in double precision, on a padding of 30 s."""
    padded = np.pad(samples.astype(np.float64), (200, 0), mode="reflect")
    padded = np.pad(padded, (0, 30 * SAMPLE_RATE + 200))
    hann = np.hanning(401)[:-1]
    starts = range(0, 160 * frames, 160)
    bins = [np.fft.rfft(padded[at : at + 400] * hann) for at in starts]
    powers = bank.astype(np.float64) @ (np.abs(bins) ** 2).T
    levels = np.log10(np.maximum(powers, 1e-10))
    clamped: NDArray[np.float64] = np.maximum(levels, levels.max() - 8.0)
    return (clamped + 4.0) / 4.0


@pytest.mark.parametrize("samples", [3200, 16_000, 16_001, 47_999])
def test_it_is_openais(samples: int) -> None:
    heard = noise(samples)
    made = Spectrograms(BANK).make(heard, 160)
    assert made.shape == (len(BANK), 320)
    assert made.dtype == np.float32
    assert made.flags.c_contiguous
    assert made == pytest.approx(written_out(heard, BANK, 320), abs=1e-4)


def test_a_tone_is_heard_in_its_band() -> None:
    made = Spectrograms(BANK).make(tone(1600.0), 25)
    assert (made[:, 2:48].argmax(axis=0) == 2).all()


def test_behind_a_window_it_is_silent() -> None:
    made = Spectrograms(BANK).make(tone(800.0), 100)
    behind = made[:, 53:]
    assert (behind == made.min()).all()
    assert made.max() - made.min() == pytest.approx(2.0)


def test_silence_is_as_loud_everywhere() -> None:
    made = Spectrograms(BANK).make(np.zeros(8000, np.float32), 50)
    assert (made == -1.5).all()


def test_a_window_longer_than_the_audio_ctx_is_cut() -> None:
    whole = Spectrograms(BANK).make(noise(32_000), 100)
    assert (Spectrograms(BANK).make(noise(32_000), 60) == whole[:, :120]).all()


@pytest.mark.parametrize(
    ("samples", "expected"), [(3200, 190), (16_000, 990), (480_000, 29_990)]
)
def test_libwhisper_decodes_the_frames_inside_a_window(
    samples: int, expected: int
) -> None:
    assert duration_ms(samples) == expected


@pytest.mark.model
def test_a_models_filters_are_read(base_model: Path) -> None:
    made = Spectrograms.of(base_model, read_layout(base_model)).make(tone(440.0), 50)
    assert made.shape == (80, 100)
    # 440 Hz lies in the twelfth of the mel bands, which are 37 Hz apart there.
    assert set(made[:, 2:48].argmax(axis=0)) == {11}
