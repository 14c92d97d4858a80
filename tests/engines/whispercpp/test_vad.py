import hashlib
from pathlib import Path

import numpy as np
import pytest

from tests.engines.whispercpp.fake_whisper import FakeWhisper
from whispercpp_ws.decoding import Samples
from whispercpp_ws.engines.whispercpp import vad as vad_module
from whispercpp_ws.engines.whispercpp.vad import SileroVad
from whispercpp_ws.errors import BadModelFile, RefusedInput
from whispercpp_ws.session import guards


def zeros(count: int) -> Samples:
    return np.zeros(count, np.float32)


@pytest.fixture
def silero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lib: FakeWhisper) -> Path:
    path = tmp_path / "silero.bin"
    path.write_bytes(b"silero")
    digest = hashlib.sha256(b"silero").hexdigest()
    monkeypatch.setattr(vad_module, "SILERO_SHA256", digest)
    monkeypatch.setattr(vad_module, "load_binding", lambda: lib)
    return path


def test_each_window_has_a_probability(silero: Path) -> None:
    vad = SileroVad.load(silero)
    assert vad.probabilities(zeros(512)) == [0.5]
    assert vad.probabilities(zeros(8 * 512)) == [0.5] * 8


def test_a_new_detector_starts_without_memory(silero: Path, lib: FakeWhisper) -> None:
    SileroVad.load(silero)
    assert lib.freed == [-1]


def test_speech_is_counted_in_whole_windows(silero: Path, lib: FakeWhisper) -> None:
    vad = SileroVad.load(silero)
    assert vad.speech_s(zeros(1025)) == 3 * 0.032
    lib.vad_speech = 0.4
    assert vad.speech_s(zeros(1024)) == 0.0


def test_counting_stops_where_no_guard_asks_for_more(
    silero: Path, lib: FakeWhisper
) -> None:
    vad = SileroVad.load(silero)
    enough_s = vad.speech_s(zeros(8 * 16_000))
    assert vad_module.ENOUGH_SPEECH_S <= enough_s < vad_module.ENOUGH_SPEECH_S + 0.032
    assert max(guards.SURE_SPEECH_S, guards.SHORT_SPEECH_S) <= enough_s


def test_a_reset_forgets_the_stream(silero: Path, lib: FakeWhisper) -> None:
    SileroVad.load(silero).reset()
    assert lib.freed == [-1, -1]


@pytest.mark.parametrize("count", [0, 1, 511, 513, 9 * 512])
def test_other_lengths_are_refused(silero: Path, count: int) -> None:
    with pytest.raises(RefusedInput, match=r"512|4096"):
        SileroVad.load(silero).probabilities(zeros(count))


def test_a_closed_detector_is_refused(silero: Path, lib: FakeWhisper) -> None:
    vad = SileroVad.load(silero)
    vad.close()
    vad.close()
    with pytest.raises(RefusedInput, match="closed"):
        vad.probabilities(zeros(512))
    assert lib.freed == [-1, 1]


def test_a_busy_detector_is_refused(silero: Path, lib: FakeWhisper) -> None:
    vad = SileroVad.load(silero)
    lib.during = vad.reset
    with pytest.raises(RefusedInput, match="one thread"):
        vad.probabilities(zeros(512))


def test_any_other_file_is_refused(silero: Path) -> None:
    silero.write_bytes(b"silera")
    with pytest.raises(BadModelFile, match="SHA-256"):
        SileroVad.load(silero)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadModelFile, match="No such file"):
        SileroVad.load(tmp_path / "none.bin")


def test_a_file_that_c_refuses_is_an_error(silero: Path, lib: FakeWhisper) -> None:
    lib.context = 0
    with pytest.raises(BadModelFile, match="out of memory"):
        SileroVad.load(silero)


@pytest.mark.model
def test_the_real_detector_hears_speech_and_not_silence(
    silero_model: Path, jfk_pcm: bytes
) -> None:
    vad = SileroVad.load(silero_model)
    speech = np.frombuffer(jfk_pcm[: 512 * 2 * 60], "<i2").astype(np.float32)
    windows = list((speech / np.float32(32768)).reshape(-1, 512))
    heard = [vad.probabilities(window)[0] for window in windows]
    assert max(heard) > 0.9
    vad.reset()
    batches = [np.concatenate(windows[at : at + 8]) for at in range(0, 60, 8)]
    assert [one for batch in batches for one in vad.probabilities(batch)] == heard
    vad.reset()
    assert max(vad.probabilities(zeros(512))[0] for _ in range(30)) < 0.2
    vad.close()
