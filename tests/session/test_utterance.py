from tests.session.driving import cut, drive
from tests.session.words import heard
from whispercpp_ws.decoding import DecodeRequest
from whispercpp_ws.events import SessionOptions
from whispercpp_ws.session.session import Session
from whispercpp_ws.session.utterance import Part
from whispercpp_ws.transcript import Hypothesis


def test_speech_in_a_window_is_in_any_that_holds_it() -> None:
    part = Part(100)
    part.note_speech(1.5, 200, 300)
    windows = (100, 300), (200, 400), (201, 400), (100, 299)
    assert [part.known_speech_s(*window) for window in windows] == [1.5, 1.5, 0.0, 0.0]


def test_the_most_speech_is_remembered_and_where_it_was_found_last() -> None:
    part = Part(100)
    for speech_s, start in ((2.0, 100), (2.0, 300), (0.5, 400)):
        part.note_speech(speech_s, start, 500)
    assert [part.known_speech_s(start, 500) for start in (300, 400)] == [2.0, 0.0]


def test_speech_that_the_engine_found_is_told_to_later_decodes(jfk_pcm: bytes) -> None:
    known_s = []

    def finding(request: DecodeRequest) -> Hypothesis:
        known_s.append(request.options.known_speech_s)
        return heard("ask not", speech_s=2.0)

    drive(Session(SessionOptions(language="en")), cut(jfk_pcm, 3200), finding)
    assert known_s[0] == 0.0
    assert set(known_s) == {0.0, 2.0}
