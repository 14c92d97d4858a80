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


def test_what_is_far_softer_than_the_speech_before_it_is_not_voiced(
    jfk_pcm: bytes,
) -> None:
    speech = frames(jfk_pcm)[50:100]
    detector = VoiceDetector(mode=0, energy_floor=0.0)
    loud = sum(detector.receive(frame).voiced for frame in speech)
    soft = sum(detector.receive(frame * 0.01).voiced for frame in speech)
    assert loud > 20 and soft == 0


def test_a_soft_voice_is_heard_a_few_seconds_after_a_loud_one(jfk_pcm: bytes) -> None:
    speech = frames(jfk_pcm)[50:100]
    detector = VoiceDetector(mode=0, energy_floor=0.0)
    for frame in speech:
        detector.receive(frame)
    heard = [detector.receive(frame * 0.1).voiced for frame in speech * 4]
    assert sum(heard[100:]) > 40


def test_a_pop_below_the_voice_is_not_speech(jfk_pcm: bytes) -> None:
    detector = VoiceDetector(mode=0, energy_floor=0.0)
    for frame in frames(jfk_pcm)[50:100]:
        detector.receive(frame)
    time_s = np.arange(FRAME_SAMPLES) / 16_000
    pop = (0.1 * np.sin(2 * np.pi * 25 * time_s)).astype(np.float32)
    assert not any(detector.receive(pop).voiced for _ in range(10))
