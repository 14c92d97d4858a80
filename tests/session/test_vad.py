import numpy as np

from whispercpp_ws.session.vad import FRAME_SAMPLES, VoiceDetector


def frames(pcm: bytes) -> list[np.ndarray[tuple[int], np.dtype[np.float32]]]:
    samples = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768
    whole = len(samples) // FRAME_SAMPLES * FRAME_SAMPLES
    return list(samples[:whole].reshape(-1, FRAME_SAMPLES))


def test_speech_is_voiced(jfk_pcm: bytes) -> None:
    detector = VoiceDetector(mode=2, energy_floor=0.0005)
    heard = [detector.receive(frame).voiced for frame in frames(jfk_pcm)]
    assert sum(heard) > len(heard) // 2


def test_digital_silence_is_not_voiced() -> None:
    detector = VoiceDetector(mode=0, energy_floor=0.0)
    silence = np.zeros(FRAME_SAMPLES, np.float32)
    heard = [detector.receive(silence) for _ in range(100)]
    assert not any(frame.voiced for frame in heard)
    assert {frame.energy for frame in heard} == {0.0}


def test_speech_under_the_energy_floor_is_not_voiced(jfk_pcm: bytes) -> None:
    detector = VoiceDetector(mode=2, energy_floor=0.9)
    assert not any(detector.receive(frame).voiced for frame in frames(jfk_pcm))
