import pytest

from whispercpp_ws.decoding import SAMPLE_RATE
from whispercpp_ws.session.division import dividing_pause, is_rejoined
from whispercpp_ws.session.tuning import Tuning
from whispercpp_ws.session.utterance import Part, Pause


TUNING = Tuning(divided_s=9.0, divided_behind_s=3.0, ahead_s=1.5, rejoined_s=10.0)


def silence(start_s: float, end_s: float) -> Pause:
    return round(start_s * SAMPLE_RATE), round(end_s * SAMPLE_RATE)


def found(*pauses: Pause, until_s: float, follows_speech: bool = False) -> Pause | None:
    part = Part(SAMPLE_RATE, follows_speech=follows_speech)
    position = round((1 + until_s) * SAMPLE_RATE)
    return dividing_pause(part, pauses, position=position, tuning=TUNING)


def test_the_longest_silence_divides() -> None:
    pauses = [silence(5, 5.1), silence(6, 6.2), silence(7, 7.15)]
    assert found(*pauses, until_s=9.0) == pauses[1]


def test_a_part_that_is_not_long_yet_is_not_divided() -> None:
    assert found(silence(5, 5.2), until_s=8.9) is None


def test_what_an_earlier_part_makes_the_window_longer_counts() -> None:
    pause = silence(5, 5.2)
    assert found(pause, until_s=7.4, follows_speech=True) is None
    assert found(pause, until_s=7.5, follows_speech=True) == pause


def rejoined(until_s: float, *, is_divided: bool = True) -> bool:
    parts = [Part(SAMPLE_RATE), Part(6 * SAMPLE_RATE, follows_speech=is_divided)]
    speech_end = round((1 + until_s) * SAMPLE_RATE)
    return is_rejoined(parts, speech_end=speech_end, tuning=TUNING)


def test_a_division_that_speech_ends_right_after_is_undone() -> None:
    assert rejoined(TUNING.rejoined_s)
    assert not rejoined(TUNING.rejoined_s + 0.1)
    assert not rejoined(TUNING.rejoined_s, is_divided=False)


@pytest.mark.parametrize("start_s", [3.9, 8.4])
def test_a_silence_near_either_end_does_not_divide(start_s: float) -> None:
    assert found(silence(start_s, start_s + 0.2), until_s=9.0) is None
