import numpy as np
import pytest

from scripts.bench.word_sources import SOURCES, Decoders, silences
from tests.scripts.bench.lines import JFK
from whispercpp_ws.client.audio import read_mono
from whispercpp_ws.decoding import SAMPLE_RATE, Samples
from whispercpp_ws.engines.scripted import ScriptedEngine
from whispercpp_ws.session.resample import resample


@pytest.fixture
def speech() -> Samples:
    return resample(*read_mono(JFK))


def test_each_source_times_the_same_window(speech: Samples) -> None:
    words = tuple(f"word{number}" for number in range(60))
    decoders = Decoders(ScriptedEngine(words), ScriptedEngine(words))
    found = decoders.timed(speech, "en")
    assert tuple(found) == SOURCES
    assert found["spread"].words[-1].end_s == pytest.approx(11.0)
    assert found["tokens"].words[0].text == "word0"
    assert len(found["dtw+vad"].words) == len(found["dtw"].words)
    decoders.close()


def test_words_are_moved_out_of_what_webrtcvad_takes_for_silence(
    speech: Samples,
) -> None:
    words = tuple(f"word{number}" for number in range(60))
    found = Decoders(ScriptedEngine(words), ScriptedEngine(words)).timed(speech, "en")
    assert found["dtw+vad"].words != found["dtw"].words


def test_what_webrtcvad_takes_for_silence_is_found(speech: Samples) -> None:
    said = speech[4 * SAMPLE_RATE : 7 * SAMPLE_RATE]
    sound = np.concatenate([said, np.zeros(SAMPLE_RATE, np.float32)])
    last = silences(sound)[-1]
    assert last.start_s == pytest.approx(3.0, abs=0.3)
    assert last.end_s == pytest.approx(4.0, abs=0.021)


def test_without_a_silence_there_is_none() -> None:
    loud = np.random.default_rng(1).normal(0, 0.3, SAMPLE_RATE).astype(np.float32)
    assert silences(loud[: SAMPLE_RATE // 10]) == []
