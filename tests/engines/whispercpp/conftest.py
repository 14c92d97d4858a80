import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.engines.whispercpp.fake_whisper import FakeWhisper
from whispercpp_ws.decoding import DecodeOptions, DecodeRequest, Priority, Samples
from whispercpp_ws.engines.whispercpp.engine import WhisperCppEngine
from whispercpp_ws.engines.whispercpp.model_file import N_FFT
from whispercpp_ws.engines.whispercpp.results import Model
from whispercpp_ws.engines.whispercpp.spectrogram import Spectrograms


RequestMaker = Callable[..., DecodeRequest]


@pytest.fixture
def lib() -> FakeWhisper:
    return FakeWhisper()


def loaded(
    lib: FakeWhisper, *, name: str = "fake", lanes: int = 1, aligned: bool = False
) -> WhisperCppEngine:
    model = Model.of(lib, 1, spectrograms=spectrograms(), aligned=aligned)
    return WhisperCppEngine(model, name=name, lanes=lanes)


def spectrograms() -> Spectrograms:
    """Make spectrograms of the two bands that a fake model has."""
    return Spectrograms(np.ones((2, N_FFT), np.float32))


@pytest.fixture
def engine(lib: FakeWhisper) -> WhisperCppEngine:
    return loaded(lib, name="fake", lanes=1, aligned=False)


@pytest.fixture
def second() -> Samples:
    return np.zeros(16_000, np.float32)


@pytest.fixture
def jfk(jfk_wav: Path) -> Samples:
    with wave.open(str(jfk_wav)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return (pcm / 32768).astype(np.float32)


def window(samples: Samples, **options: object) -> DecodeRequest:
    chosen = DecodeOptions(**{"audio_ctx": 600, **options})  # type: ignore[arg-type]
    return DecodeRequest(1, Priority.FINAL, samples, chosen)
