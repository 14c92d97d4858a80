import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scripts.bench.audio import LEAD_S, TAIL_S, load, speech_bounds
from scripts.bench.manifest import GAP_S, bundled_sample
from tests.scripts.bench.lines import JFK, clip, sound
from whispercpp_ws.errors import BadAudio


RATE = 16_000


def noise(seconds: float) -> bytes:
    loud = np.random.default_rng(1).normal(0, 3_000, round(seconds * RATE))
    return loud.astype("<i2").tobytes()


def silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * RATE))


def test_a_clip_is_loaded_between_two_silences() -> None:
    audio = load(bundled_sample()[0])
    assert audio.seconds == pytest.approx(11.0)
    assert audio.total_s == pytest.approx(LEAD_S + 11.0 + TAIL_S)


def test_frames_join_to_the_whole() -> None:
    audio = sound(noise(0.25))
    frames = list(audio.frames())
    assert b"".join(frames) == audio.pcm
    assert {len(frame) for frame in frames[:-1]} == {1_920}


def test_channels_are_averaged() -> None:
    pair = np.array([[8192, -8192], [8192, 8192]], dtype="<i2").tobytes()
    audio = sound(pair, channels=2)
    first = round(LEAD_S * RATE)
    assert audio.mono()[first : first + 2].tolist() == [0.0, 0.25]


def test_the_bounds_are_those_of_the_sound() -> None:
    bounds = speech_bounds(sound(silence(0.2) + noise(0.6) + silence(0.4)))
    assert bounds is not None
    assert bounds.start_s == pytest.approx(LEAD_S + 0.2, abs=0.03)
    assert bounds.end_s == pytest.approx(LEAD_S + 0.8, abs=0.03)


def test_a_click_is_no_speech() -> None:
    pcm = silence(0.2) + noise(0.02) + silence(0.3) + noise(0.5)
    bounds = speech_bounds(sound(pcm))
    assert bounds is not None
    assert bounds.start_s == pytest.approx(LEAD_S + 0.52, abs=0.03)


@pytest.mark.parametrize("pcm", [silence(1.0), silence(0.01), noise(0.03)])
def test_silence_and_scraps_have_no_bounds(pcm: bytes) -> None:
    assert speech_bounds(sound(pcm)) is None


def test_joined_recordings_are_one_with_silence_between() -> None:
    first = load(clip(said="x"), lead_s=0.0, tail_s=0.0)
    both = load(replace(clip(said="x"), more=(JFK,)), lead_s=0.0, tail_s=0.0)
    gap = bytes(round(GAP_S * 16_000) * 2)
    assert both.pcm == first.pcm + gap + first.pcm
    assert both.seconds == pytest.approx(2 * 11.0 + GAP_S)


def test_recordings_of_different_rates_are_not_joined(tmp_path: Path) -> None:
    other = tmp_path / "other.wav"
    with wave.open(str(other), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(bytes(800))
    with pytest.raises(BadAudio, match="16000 Hz"):
        load(replace(clip(said="x"), more=(other,)))
