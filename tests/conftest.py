"""Fixtures every folder may use: the bundled speech, and real models."""

import os
import wave
from pathlib import Path

import pytest
from hypothesis import settings

from whispercpp_ws.models.registry import resolve
from whispercpp_ws.models.store import ModelStore


ROOT = Path(__file__).parent.parent

# No deadline: timing is for benchmarks, and a busy machine must not fail a test. The
# same examples every time in CI, new ones at a desk.
settings.register_profile("desk", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")


@pytest.fixture(scope="session")
def jfk_wav() -> Path:
    """11 s of English, 16 kHz mono PCM16, with four pauses."""
    return ROOT / "tests" / "data" / "jfk.wav"


@pytest.fixture(scope="session")
def jfk_pcm(jfk_wav: Path) -> bytes:
    """The samples of the same file."""
    with wave.open(str(jfk_wav)) as audio:
        return bytes(audio.readframes(audio.getnframes()))


@pytest.fixture(scope="session")
def model_store() -> ModelStore:
    """The checkout's models, or those of WHISPERCPP_WS_MODELS_DIR."""
    return ModelStore(Path(os.environ.get("WHISPERCPP_WS_MODELS_DIR", ROOT / "models")))


@pytest.fixture(scope="session")
def base_model(model_store: ModelStore) -> Path:
    """The default model, fetched when it is missing."""
    return resolve(model_store, "base", "q8_0", print).path


@pytest.fixture(scope="session")
def silero_model(model_store: ModelStore) -> Path:
    """The voice detector, fetched when it is missing."""
    return model_store.ensure("silero-v6.2.0", print)


@pytest.fixture(scope="session")
def tiny_en_model(model_store: ModelStore) -> Path:
    """The smallest English model, fetched when it is missing."""
    return resolve(model_store, "tiny.en", "q8_0", print).path
