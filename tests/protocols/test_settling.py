"""When the finals of what was said are there."""

from whispercpp_ws.events import Acknowledged, SpeechEnded
from whispercpp_ws.protocols.settling import Settling


def test_before_any_speech_all_is_settled() -> None:
    settling = Settling()
    assert settling.is_settled(settling.point_s)


def test_an_utterance_that_is_over_waits_for_its_acknowledgement() -> None:
    settling = Settling()
    settling.note(SpeechEnded(2.0))
    settling.note(Acknowledged(1.0))
    assert not settling.is_settled(settling.point_s)
    settling.note(Acknowledged(2.3))
    assert settling.is_settled(settling.point_s)


def test_a_later_utterance_does_not_unsettle_an_earlier_point() -> None:
    settling = Settling()
    settling.note(SpeechEnded(2.0))
    point_s = settling.point_s
    settling.note(Acknowledged(2.0))
    settling.note(SpeechEnded(4.0))
    assert settling.is_settled(point_s)
