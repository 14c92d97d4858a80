import numpy as np

from whispercpp_ws.decoding import DecodeOptions, DecodeRequest, Priority
from whispercpp_ws.scheduler.quarantine import REMEMBERED, Quarantine


def window(
    value: float, *, request_id: int = 1, language: str = "en", threads: int = 1
) -> DecodeRequest:
    return DecodeRequest(
        request_id,
        Priority.FINAL,
        np.full(1600, value, np.float32),
        DecodeOptions(language),
        threads=threads,
    )


def test_nothing_is_suspected_before_anything_crashed() -> None:
    quarantine = Quarantine()
    assert not quarantine.suspects(window(0.1))
    assert not quarantine.holds(window(0.1))


def test_a_window_is_suspected_after_one_crash_and_held_after_two() -> None:
    quarantine = Quarantine()
    quarantine.note_death(window(0.1))
    assert quarantine.suspects(window(0.1))
    assert not quarantine.holds(window(0.1))
    quarantine.note_death(window(0.1, request_id=2, threads=2))
    assert quarantine.holds(window(0.1, request_id=3))


def test_other_audio_and_other_options_are_another_window() -> None:
    quarantine = Quarantine()
    for _ in range(2):
        quarantine.note_death(window(0.1))
    assert not quarantine.suspects(window(0.2))
    assert not quarantine.suspects(window(0.1, language="ru"))


def test_old_suspicions_are_forgotten() -> None:
    quarantine = Quarantine()
    for number in range(REMEMBERED + 1):
        quarantine.note_death(window(number / 1000))
    assert not quarantine.suspects(window(0.0))
    assert quarantine.suspects(window(0.001))
