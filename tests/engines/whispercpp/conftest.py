import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.engines.whispercpp.fake_whisper import FakeWhisper
from whispercpp_ws.decoding import DecodeOptions, DecodeRequest, Priority, Samples
from whispercpp_ws.engines.whispercpp.engine import WhisperCppEngine


RequestMaker = Callable[..., DecodeRequest]


@pytest.fixture
def lib() -> FakeWhisper:
    return FakeWhisper()


@pytest.fixture
def engine(lib: FakeWhisper) -> WhisperCppEngine:
    return WhisperCppEngine(lib, 1, model="fake", lanes=1, aligned=False)


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
