from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.session.driving import answer, cut, drive, finals, partials
from tests.session.words import heard, words_by_position
from whispercpp_ws.decoding import DecodeRequest, Priority
from whispercpp_ws.engines.scripted import ScriptedEngine
from whispercpp_ws.errors import EngineCrashed
from whispercpp_ws.events import (
    Acknowledged,
    AudioFormat,
    Encoding,
    Ended,
    Event,
    Failed,
    Reconfigure,
    SessionOptions,
    SpeechEnded,
    SpeechStarted,
)
from whispercpp_ws.session.session import Session
from whispercpp_ws.session.tuning import Tuning
from whispercpp_ws.transcript import Hypothesis


ENGLISH = SessionOptions(language="en")
SECOND = b"\0" * 32_000
scripted = ScriptedEngine().open_lane().decode


def saying(
    text: str, *, logprob: float = -0.2
) -> Callable[[DecodeRequest], Hypothesis]:
    return lambda request: heard(text, logprob=logprob)


def terminal(events: list[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, Ended | Failed)]


def test_speech_becomes_partials_and_finals(jfk_pcm: bytes) -> None:
    events = drive(Session(ENGLISH), cut(jfk_pcm, 3200), scripted)
    assert len(partials(events)) > 10
    assert [final.utterance for final in finals(events)] == [1, 2, 3]
    assert isinstance(events[-1], Ended)
    assert events[-1].finals == 3


def test_guesses_at_what_comes_next_are_neither_shown_nor_published(
    jfk_pcm: bytes,
) -> None:
    def guessing(request: DecodeRequest) -> Hypothesis:
        said = heard("ask what you")
        end = replace(said.words[-1], start_s=request.seconds, end_s=request.seconds)
        return replace(said, words=(said.words[0], end, end))

    events = drive(Session(ENGLISH), cut(jfk_pcm, 3200), guessing)
    assert partials(events) and finals(events)
    texts = [p.text for p in partials(events)] + [f.text for f in finals(events)]
    assert set(texts) == {"ask"}


def test_stable_text_only_grows_within_an_utterance(jfk_pcm: bytes) -> None:
    events = drive(Session(ENGLISH), cut(jfk_pcm, 3200), scripted)
    shown: dict[int, str] = {}
    for partial in partials(events):
        assert partial.stable.startswith(shown.get(partial.utterance, ""))
        assert partial.text.startswith(partial.stable)
        shown[partial.utterance] = partial.stable
    assert all(shown.values())


def test_words_are_placed_in_session_time(jfk_pcm: bytes) -> None:
    events = drive(Session(ENGLISH), [SECOND * 2 + jfk_pcm], scripted)
    first = finals(events)[0]
    assert first.words is not None
    assert 1.6 <= first.words[0].start_s <= first.start_s <= 2.2
    assert all(a.start_s <= b.start_s for a, b in pairwise(first.words))


def test_silence_is_never_decoded_and_is_acknowledged() -> None:
    session = Session(ENGLISH)
    events = []
    for _ in range(20):
        session.receive_audio(SECOND)
        assert session.decode_to_run() is None
        events += session.events_received()
    offsets = [event.offset_s for event in events if isinstance(event, Acknowledged)]
    assert len(offsets) == 3
    assert session.settled_s > 19
    session.receive_eof()
    assert terminal(session.events_received()) == [Ended(20.0, 0)]


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_any_chunking_gives_the_same_finals(data: st.DataObject) -> None:
    pcm = (np.random.default_rng(7).normal(0, 0.1, 64_000) * 32767).astype("<i2")
    speech = pcm.tobytes()[:64_000] + SECOND + pcm.tobytes()[:40_000]
    whole = finals(drive(Session(ENGLISH), [speech], scripted))
    assert len(whole) == 2
    size = data.draw(st.integers(101, 40_000))
    assert finals(drive(Session(ENGLISH), cut(speech, size), scripted)) == whole


@pytest.mark.parametrize("size", [1, 7, 3200, 10**9])
def test_the_same_speech_in_any_chunks_gives_the_same_finals(
    jfk_pcm: bytes, size: int
) -> None:
    whole = finals(drive(Session(ENGLISH), [jfk_pcm], scripted))
    assert finals(drive(Session(ENGLISH), cut(jfk_pcm, size), scripted)) == whole


def test_nothing_is_asked_or_said_after_the_end(jfk_pcm: bytes) -> None:
    session = Session(ENGLISH)
    drive(session, [jfk_pcm], scripted)
    session.receive_audio(jfk_pcm)
    session.receive_eof()
    session.flush()
    assert session.decode_to_run() is None
    assert session.events_received() == []
    assert session.settled_s == session.received_s


def test_a_half_sample_at_the_end_fails_after_the_finals(jfk_pcm: bytes) -> None:
    events = drive(Session(ENGLISH), [jfk_pcm + b"\x01"], scripted)
    assert len(finals(events)) == 3
    assert terminal(events) == [events[-1]]
    assert isinstance(events[-1], Failed)
    assert events[-1].error.code == "bad_audio"
    assert events[-1].error.field == "audio"


def test_nan_fails_after_the_finals_of_what_was_heard(jfk_pcm: bytes) -> None:
    speech = np.frombuffer(jfk_pcm, "<i2").astype("<f4") / 32768
    pcm = speech.tobytes() + np.full(320, np.nan, "<f4").tobytes()
    options = SessionOptions(AudioFormat(Encoding.F32LE), language="en")
    session = Session(options)
    session.receive_audio(pcm)
    events = answer(session, scripted)
    assert len(finals(events)) == 3
    assert isinstance(events[-1], Failed)


def test_nan_in_the_last_bytes_fails_too() -> None:
    session = Session(SessionOptions(AudioFormat(Encoding.F32LE), language="en"))
    session.receive_audio(np.full(10, np.nan, "<f4").tobytes())
    session.receive_eof()
    assert isinstance(session.events_received()[-1], Failed)


def test_flush_finishes_the_open_utterance(jfk_pcm: bytes) -> None:
    session = Session(ENGLISH)
    session.receive_audio(jfk_pcm[:64_000])
    assert session.utterance_open
    session.flush()
    assert not session.utterance_open
    assert len(finals(answer(session, scripted))) == 1
    session.receive_audio(jfk_pcm[64_000:128_000])
    assert session.utterance_open


def test_hold_joins_what_pauses_would_part(jfk_pcm: bytes) -> None:
    session = Session(ENGLISH)
    session.hold()
    events = drive(session, cut(jfk_pcm, 3200), scripted)
    assert len(finals(events)) == 1


def test_flush_in_silence_does_nothing() -> None:
    session = Session(ENGLISH)
    session.receive_audio(SECOND)
    session.flush()
    assert session.events_received() == []


def test_a_change_applies_from_the_next_utterance(jfk_pcm: bytes) -> None:
    session = Session(ENGLISH)
    session.receive_audio(jfk_pcm[:64_000])
    session.reconfigure(Reconfigure(language="ru", words=False, endpoint_ms=900))
    session.flush()
    first = finals(answer(session, scripted))[0]
    session.receive_audio(jfk_pcm[:64_000])
    session.flush()
    second = finals(answer(session, scripted))[0]
    assert (first.language, first.words is None) == ("en", False)
    assert (second.language, second.words is None) == ("ru", True)


def test_a_change_of_the_endpoint_applies_at_once_in_silence(jfk_pcm: bytes) -> None:
    session = Session(ENGLISH)
    session.reconfigure(Reconfigure(endpoint_ms=5000))
    events = drive(session, [jfk_pcm], scripted)
    assert len(finals(events)) == 1


def test_a_client_without_partials_gets_only_finals(jfk_pcm: bytes) -> None:
    options = SessionOptions(language="en", partials=False)
    events = drive(Session(options), cut(jfk_pcm, 3200), scripted)
    assert partials(events) == []
    assert len(finals(events)) == 3


def test_a_stale_hypothesis_is_ignored(jfk_pcm: bytes) -> None:
    session = Session(ENGLISH)
    session.receive_audio(jfk_pcm[:64_000])
    session.receive_hypothesis(4711, heard("stale"))
    session.receive_failure(4711, EngineCrashed("stale"))
    assert [type(event) for event in session.events_received()] == [SpeechStarted]


def test_a_partial_that_failed_is_forgotten(jfk_pcm: bytes) -> None:
    session = Session(ENGLISH)
    session.receive_audio(jfk_pcm[:64_000])
    request = session.decode_to_run()
    assert request is not None and request.priority is Priority.PARTIAL
    session.receive_failure(request.id, EngineCrashed("gone"))
    events = drive(session, [jfk_pcm[64_000:]], scripted)
    assert isinstance(events[-1], Ended)


def test_a_final_that_failed_ends_the_session(jfk_pcm: bytes) -> None:
    session = Session(ENGLISH)
    session.receive_audio(jfk_pcm[:64_000])
    session.flush()
    request = session.decode_to_run()
    assert request is not None and request.priority is Priority.FINAL
    session.events_received()
    error = EngineCrashed("gone")
    session.receive_failure(request.id, error)
    assert session.events_received() == [Failed(error)]
    session.receive_hypothesis(request.id, heard("late"))
    assert session.events_received() == []


def test_a_tripped_guard_retries_once_with_more_room(jfk_pcm: bytes) -> None:
    asked: list[int] = []

    def looping(request: DecodeRequest) -> Hypothesis:
        asked.append(request.options.audio_ctx)
        return heard("a a a a a a")

    events = drive(Session(ENGLISH), [jfk_pcm[:64_000]], looping)
    assert asked[-1] == asked[-2] + 200 - (192 - 150)
    assert asked.count(asked[-1]) == 1
    assert finals(events)[0].text == "a"


def test_invented_text_on_a_noise_is_not_published() -> None:
    burst = (np.random.default_rng(3).normal(0, 0.2, 9600) * 32767).astype("<i2")
    options = SessionOptions(language="en", partials=False)
    events = drive(
        Session(options),
        [SECOND + burst.tobytes() + SECOND],
        saying("Thank you.", logprob=-0.9),
    )
    assert any(isinstance(event, SpeechEnded) for event in events)
    assert finals(events) == []


def test_text_that_was_shown_is_taken_back_by_an_empty_final(jfk_pcm: bytes) -> None:
    session = Session(ENGLISH)
    session.receive_audio(jfk_pcm[:64_000])
    assert partials(answer(session, saying("well")))
    session.receive_eof()
    last = finals(answer(session, lambda request: Hypothesis()))
    assert [(final.text, final.confidence) for final in last] == [("", 0.0)]


def test_a_click_keeps_its_number_but_is_not_decoded() -> None:
    burst = (np.random.default_rng(3).normal(0, 0.2, 1280) * 32767).astype("<i2")
    session = Session(ENGLISH, Tuning(min_speech_ms=1000))
    session.receive_audio(SECOND + burst.tobytes() + SECOND)
    assert session.decode_to_run() is None
    session.receive_eof()
    assert isinstance(session.events_received()[-1], Ended)


def test_auto_detects_once_and_pins(jfk_pcm: bytes) -> None:
    languages: list[str] = []

    def russian(request: DecodeRequest) -> Hypothesis:
        languages.append(request.options.language)
        return heard("слово", language="ru")

    options = SessionOptions(language="auto", partials=False, words=False)
    events = drive(Session(options), [jfk_pcm], russian)
    # The second utterance is too short to tell.
    assert languages == ["auto", "ru", "ru", "auto", "ru"]
    assert {final.language for final in finals(events)} == {"ru"}


def test_a_long_utterance_keeps_stable_text_when_a_part_closes(jfk_pcm: bytes) -> None:
    session = Session(ENGLISH, Tuning(part_s=1.0, min_cut_pause_ms=100))
    events = drive(session, cut(jfk_pcm[176_000:], 3200), scripted)
    stable = ""
    assert len(partials(events)) > 5
    for partial in partials(events):
        assert partial.stable.startswith(stable)
        stable = partial.stable


IN_PARTS = Tuning(part_s=1.0, min_cut_pause_ms=100, context_s=0.0)


def test_the_parts_of_an_utterance_make_one_final(jfk_pcm: bytes) -> None:
    windows: list[DecodeRequest] = []

    def noted(request: DecodeRequest) -> Hypothesis:
        windows.append(request)
        return heard(f"part{len(windows)}")

    options = SessionOptions(language="en", partials=False)
    events = drive(Session(options, IN_PARTS), cut(jfk_pcm[160_000:], 320), noted)
    assert len(finals(events)) == 1
    assert len(finals(events)[0].text.split()) >= 2
    assert max(window.seconds for window in windows) < 4.0


@pytest.mark.parametrize("size", [7 * 320, 32_000])
def test_parts_do_not_depend_on_chunks(jfk_pcm: bytes, size: int) -> None:
    options = SessionOptions(language="en", partials=False)
    whole = drive(Session(options, IN_PARTS), [jfk_pcm], scripted)
    pieces = drive(Session(options, IN_PARTS), cut(jfk_pcm, size), scripted)
    assert finals(pieces) == finals(whole)


def test_a_partial_of_a_part_that_closed_meanwhile_is_not_shown(
    jfk_pcm: bytes,
) -> None:
    session = Session(ENGLISH, IN_PARTS)
    pieces = iter(cut(jfk_pcm[172_800:], 640))
    late = first_request(session, pieces)
    assert late.priority is Priority.PARTIAL
    request = first_request(session, pieces)
    assert request.priority is Priority.SPECULATIVE
    session.receive_hypothesis(request.id, heard("the part"))
    assert [p.stable for p in partials(session.events_received())] == ["the part"]
    session.receive_hypothesis(late.id, heard("half"))
    assert partials(session.events_received()) == []


def first_request(session: Session, pieces: Iterator[bytes]) -> DecodeRequest:
    for piece in pieces:
        session.receive_audio(piece)
        request = session.decode_to_run()
        if request is not None:
            return request
    raise AssertionError("expected the session to want a decode")


def test_a_partial_window_moves_on_behind_stable_words() -> None:
    tuning = Tuning(partial_window_s=2.0, part_s=99.0, divided_s=99.0)
    noise = np.random.default_rng(7).normal(0, 0.1, 12 * 16_000)
    pcm = (noise * 32_767).astype("<i2")
    windows: list[DecodeRequest] = []

    def hear(request: DecodeRequest) -> Hypothesis:
        windows.append(request)
        return words_by_position(request, pcm)

    events = drive(Session(ENGLISH, tuning), cut(pcm.tobytes(), 640), hear)
    lengths = [w.seconds for w in windows if w.priority is Priority.PARTIAL]
    assert max(lengths) < 5.0
    assert partials(events)[-1].stable.split() == [f"word{n}" for n in range(22)]


def with_short_pauses(seconds: int, every_s: float) -> np.ndarray[tuple[int], Any]:
    """Make noise with silences of 0.18 s, which end no part by themselves."""
    noise = np.random.default_rng(7).normal(0, 0.1, seconds * 16_000)
    for start_s in np.arange(every_s - 0.1, seconds, every_s):
        noise[int(start_s * 16_000) : int((start_s + 0.18) * 16_000)] *= 0.002
    return (noise * 32_767).astype("<i2")


@pytest.mark.parametrize("late_s", [-0.3, 0.0, 0.3])
@pytest.mark.parametrize("size", [640, 7_000])
def test_speech_without_a_long_pause_is_decoded_in_windows_and_keeps_every_word(
    size: int, late_s: float
) -> None:
    pcm = with_short_pauses(22, every_s=2.0)
    windows: list[float] = []

    def hear(request: DecodeRequest) -> Hypothesis:
        said = words_by_position(request, pcm)
        if request.priority is Priority.PARTIAL:
            return said
        windows.append(request.seconds)
        return replace(said, words=tuple(word.shifted(late_s) for word in said.words))

    events = drive(Session(ENGLISH), cut(pcm.tobytes(), size), hear)
    [final] = finals(events)
    assert final.text.split() == [f"word{n}" for n in range(44)]
    assert max(windows) < 10.0
    assert len(windows) >= 3
    for one, next_one in pairwise(partials(events)):
        assert next_one.stable.startswith(one.stable)


@pytest.mark.parametrize("seconds", [8.3, 8.6, 8.8])
@pytest.mark.parametrize("goes_on", [False, True])
def test_speech_that_ends_right_after_a_division_is_decoded_as_one(
    seconds: float, goes_on: bool
) -> None:
    pcm = with_short_pauses(15 if goes_on else 10, every_s=2.0)
    end = int(seconds * 16_000)
    resumed = end + 8_000 if goes_on else len(pcm)
    pcm[end:resumed] //= 500
    windows: list[float] = []

    def hear(request: DecodeRequest) -> Hypothesis:
        if request.priority is not Priority.PARTIAL:
            windows.append(request.seconds)
        return words_by_position(request, pcm)

    events = drive(Session(ENGLISH), cut(pcm.tobytes(), 640), hear)
    said = [word for final in finals(events) for word in final.text.split()]
    # What a window hears of the silence at its end has words here, too.
    spoken = 2 * (15 if goes_on else seconds)
    assert said == [f"word{n}" for n in range(len(said))]
    assert spoken - 1 <= len(said) <= spoken + 1, len(said)
    assert any(seconds < window < seconds + 0.3 for window in windows)
    for one, next_one in pairwise(partials(events)):
        if one.utterance == next_one.utterance:
            assert next_one.stable.startswith(one.stable)
    at_end = Session(ENGLISH)
    at_end.receive_audio(pcm.tobytes())
    at_end.receive_eof()
    late = finals(answer(at_end, lambda request: words_by_position(request, pcm)))
    assert late == finals(events)


def test_where_a_part_is_divided_does_not_depend_on_how_long_decodes_take() -> None:
    pcm = with_short_pauses(22, every_s=1.5)
    at_once = drive(
        Session(ENGLISH), cut(pcm.tobytes(), 640), lambda r: words_by_position(r, pcm)
    )
    slow = Session(ENGLISH)
    for piece in cut(pcm.tobytes(), 640):
        slow.receive_audio(piece)
    slow.receive_eof()
    assert finals(answer(slow, lambda r: words_by_position(r, pcm))) == finals(at_once)


def test_without_any_pause_a_part_is_not_divided() -> None:
    noise = np.random.default_rng(7).normal(0, 0.1, 12 * 16_000)
    pcm = (noise * 32_767).astype("<i2")
    windows: list[float] = []

    def hear(request: DecodeRequest) -> Hypothesis:
        windows.append(request.seconds)
        return words_by_position(request, pcm)

    options = SessionOptions(language="en", partials=False)
    drive(Session(options), cut(pcm.tobytes(), 640), hear)
    assert max(windows) == pytest.approx(12.0, abs=0.1)


def test_speech_without_end_is_cut_and_all_of_it_is_decoded(jfk_pcm: bytes) -> None:
    tuning = Tuning(soft_utterance_s=2.0, max_utterance_s=3.0, context_s=0.0)
    windows: list[float] = []

    def measured(request: DecodeRequest) -> Hypothesis:
        windows.append(request.seconds)
        return scripted(request)

    options = SessionOptions(language="en", partials=False)
    events = drive(Session(options, tuning), [jfk_pcm], measured)
    assert len(finals(events)) >= 4
    assert max(windows) <= 3.4
    assert sum(windows) >= 9.5


def test_backlog_counts_what_waits_for_its_final(jfk_pcm: bytes) -> None:
    session = Session(ENGLISH)
    session.receive_audio(jfk_pcm)
    assert 3.0 < session.backlog_s < 5.0
    assert session.received_s == 11.0
    answer(session, scripted)
    assert session.backlog_s == 0.0


@pytest.mark.parametrize("rate", [8000, 44_100, 48_000])
def test_times_do_not_depend_on_the_rate(jfk_pcm: bytes, rate: int) -> None:
    samples = np.frombuffer(jfk_pcm, "<i2")
    positions = np.arange(int(11 * rate)) * 16_000 / rate
    other = np.interp(positions, np.arange(len(samples)), samples).astype("<i2")
    options = SessionOptions(AudioFormat(rate=rate), language="en")
    events = drive(Session(options), [other.tobytes()], scripted)
    ends = [final.end_s for final in finals(events)]
    assert ends == pytest.approx([2.12, 4.32, 11.0], abs=0.15)
