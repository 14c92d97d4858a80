from collections.abc import Iterator

import numpy as np
import pytest

from tests.session.driving import answer, cut, drive, finals
from tests.session.words import heard, words_by_position
from whispercpp_ws.decoding import DecodeRequest, Priority
from whispercpp_ws.engines.scripted import ScriptedEngine
from whispercpp_ws.events import SessionOptions
from whispercpp_ws.session.adaptation import Adaptation
from whispercpp_ws.session.session import DEFAULT_TUNING, Session
from whispercpp_ws.session.tuning import Tuning
from whispercpp_ws.transcript import Hypothesis


ENGLISH = SessionOptions(language="en")
scripted = ScriptedEngine().open_lane().decode


def adapted(adaptation: Adaptation, tuning: Tuning = DEFAULT_TUNING) -> Session:
    session = Session(ENGLISH, tuning)
    session.adapt(adaptation)
    return session


def asked(session: Session, pcm: bytes) -> Iterator[DecodeRequest]:
    requests: list[DecodeRequest] = []

    def hear(request: DecodeRequest) -> Hypothesis:
        requests.append(request)
        return scripted(request)

    drive(session, cut(pcm, 640), hear)
    return iter(requests)


def test_without_speculation_each_final_is_decoded_once_and_says_the_same(
    jfk_pcm: bytes,
) -> None:
    calm = drive(Session(ENGLISH), cut(jfk_pcm, 640), scripted)
    quiet = adapted(Adaptation(speculates=False))
    events = drive(quiet, cut(jfk_pcm, 640), scripted)
    assert finals(events) == finals(calm)
    kinds = [request.priority for request in asked(Session(ENGLISH), jfk_pcm)]
    assert Priority.SPECULATIVE in kinds
    quiet = adapted(Adaptation(speculates=False))
    kinds = [request.priority for request in asked(quiet, jfk_pcm)]
    assert Priority.SPECULATIVE not in kinds
    assert kinds.count(Priority.FINAL) == len(finals(events))


def test_without_retries_a_doubted_final_is_published_as_the_guards_left_it(
    jfk_pcm: bytes,
) -> None:
    decoded: list[Priority] = []

    def looping(request: DecodeRequest) -> Hypothesis:
        decoded.append(request.priority)
        return heard("a a a a a a")

    session = adapted(Adaptation(speculates=False, retries=False))
    events = drive(session, [jfk_pcm[:64_000]], looping)
    assert [final.text for final in finals(events)] == ["a"]
    assert decoded.count(Priority.FINAL) == 1


def test_short_windows_move_on_earlier() -> None:
    noise = np.random.default_rng(7).normal(0, 0.1, 12 * 16_000)
    pcm = (noise * 32_767).astype("<i2")
    tuning = Tuning(part_s=99.0, divided_s=99.0)

    def longest_s(adaptation: Adaptation) -> float:
        lengths: list[float] = []

        def hear(request: DecodeRequest) -> Hypothesis:
            if request.priority is Priority.PARTIAL:
                lengths.append(request.seconds)
            return words_by_position(request, pcm)

        drive(adapted(adaptation, tuning), cut(pcm.tobytes(), 640), hear)
        return max(lengths)

    usual_s = longest_s(Adaptation())
    assert usual_s >= tuning.partial_window_s
    assert longest_s(Adaptation(partial_window_s=2.0)) < usual_s - 0.5
    assert longest_s(Adaptation(partial_window_s=9.0)) == usual_s


def test_less_earlier_speech_is_taken_in_where_lanes_are_shared() -> None:
    noise = np.random.default_rng(7).normal(0, 0.1, 10 * 16_000)
    noise[6 * 16_000 : 6 * 16_000 + 14_000] = 0.0
    pcm = (noise * 32_767).astype("<i2").tobytes()

    def longest_s(adaptation: Adaptation) -> float:
        windows = asked(adapted(adaptation), pcm)
        return max(w.seconds for w in windows if w.options.context_s)

    assert longest_s(Adaptation(context_s=6.0)) == pytest.approx(6.0)
    assert longest_s(Adaptation()) == pytest.approx(Tuning().context_s)
    assert longest_s(Adaptation(context_s=20.0)) == pytest.approx(Tuning().context_s)


def test_what_was_given_up_comes_back(jfk_pcm: bytes) -> None:
    session = adapted(Adaptation(speculates=False))
    session.adapt(Adaptation())
    for piece in cut(jfk_pcm, 640):
        session.receive_audio(piece)
        request = session.decode_to_run()
        if request is not None and request.priority is Priority.SPECULATIVE:
            break
        if request is not None:
            session.receive_hypothesis(request.id, scripted(request))
    else:
        raise AssertionError("expected a final to be decoded ahead")
    session.receive_hypothesis(request.id, scripted(request))
    assert answer(session, scripted)
