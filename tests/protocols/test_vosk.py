"""Vosk's rules: one reply to each binary frame, to eof and to reset, no other."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocols.transcripts import replayed, steps_of, transcripts
from whispercpp_ws.errors import PeerError
from whispercpp_ws.events import Ended, Event, Final, Flush, Mark, Marked, Partial
from whispercpp_ws.protocols.base import Input
from whispercpp_ws.protocols.vosk import VoskDialect
from whispercpp_ws.protocols.vosk_results import VoskForm
from whispercpp_ws.transcript import Word


SAID = Final(1, 'She said "Go!"', 0, 1, "en", 0.9)


def reply_to(event: Event, dialect: VoskDialect | None = None) -> str:
    """Return the reply to the chunk that follows an event."""
    dialect = dialect or VoskDialect()
    dialect.send_event(event)
    (reply,) = dialect.send_event(Marked("chunk"))
    return reply


@pytest.mark.parametrize("path", transcripts("vosk"), ids=lambda path: path.stem)
def test_golden_transcripts_come_out_again(path: Path) -> None:
    assert replayed(VoskDialect(), steps_of(path)) == steps_of(path)


def test_an_empty_reply_has_two_quotes_in_a_row_for_freeswitch() -> None:
    assert '""' in reply_to(Partial(1, "", "", 0, 1))
    assert '""' in VoskDialect().send_event(Ended(0, 0))[0]


@pytest.mark.parametrize("keep_case", [True, False])
def test_a_reply_with_text_never_has_them(keep_case: bool) -> None:
    dialect = VoskDialect(form=VoskForm(keep_case=keep_case))
    assert '""' not in reply_to(SAID, dialect)


def test_texts_may_keep_capitals_and_punctuation() -> None:
    dialect = VoskDialect(form=VoskForm(keep_case=True))
    assert json.loads(reply_to(SAID, dialect)) == {"text": "She said 'Go!'"}


def test_a_jigasi_result_has_text_and_no_partial() -> None:
    assert json.loads(reply_to(SAID)) == {"text": "she said go"}


def test_words_that_are_only_punctuation_are_left_out() -> None:
    words = (Word("Yes", 0, 1, 0.9), Word("—", 1, 2, 0.5))
    final = Final(1, "Yes —", 0, 2, "en", 0.9, words)
    assert [w["word"] for w in json.loads(reply_to(final))["result"]] == ["yes"]


def test_a_partial_of_the_next_utterance_outlives_the_final_before_it() -> None:
    dialect = VoskDialect()
    dialect.send_event(Partial(2, "next", "", 1, 2))
    assert "text" in json.loads(reply_to(SAID, dialect))
    (reply,) = dialect.send_event(Marked("chunk"))
    assert json.loads(reply) == {"partial": "next"}


def test_what_comes_after_eof_is_passed_over() -> None:
    dialect = VoskDialect()
    dialect.receive_text('{"eof" : 1}')
    assert dialect.receive_binary(b"\0\0") == []
    assert dialect.receive_text('{"reset" : 1}') == []


def test_a_config_after_the_first_audio_changes_nothing() -> None:
    dialect = VoskDialect()
    dialect.receive_binary(b"\0\0")
    assert dialect.receive_text('{"config":{"sample_rate":16000}}') == []
    assert dialect.rate == 8000


def test_a_reset_before_any_audio_is_answered() -> None:
    inputs = VoskDialect().receive_text('{"reset":1}')
    assert inputs[1:] == [Flush(), Mark("reset")]


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        '{"config":7}',
        '{"config":{"phrase_list":"a"}}',
        '{"config":{"model":"' + "m" * 101 + '"}}',
        '{"config":{"max_alternatives":-1}}',
    ],
)
def test_text_of_no_meaning_is_the_peers_error(text: str) -> None:
    with pytest.raises(PeerError):
        VoskDialect().receive_text(text)


def marks(inputs: list[Input]) -> int:
    return sum(isinstance(item, Mark) for item in inputs)


@given(st.lists(st.binary(max_size=64), max_size=20))
def test_every_binary_frame_asks_for_one_reply(frames: list[bytes]) -> None:
    dialect = VoskDialect()
    for frame in frames:
        inputs = dialect.receive_binary(frame)
        replies = [text for _ in range(marks(inputs)) for text in reply_texts(dialect)]
        assert len(replies) == 1


def reply_texts(dialect: VoskDialect) -> list[str]:
    return dialect.send_event(Marked("chunk"))


@given(st.text() | st.from_regex(r'\{"(config|eof|reset)": ?.{0,20}\}', fullmatch=True))
def test_any_text_is_taken_or_the_peers_error(text: str) -> None:
    try:
        VoskDialect().receive_text(text)
    except PeerError as error:
        assert VoskDialect().closing(error).code == 1011


@given(st.lists(st.sampled_from(["chunk", "reset"]), max_size=8))
def test_each_reply_that_is_owed_comes_once_by_the_end(asked: list[str]) -> None:
    dialect = VoskDialect()
    replies = [text for name in asked for text in dialect.send_event(Marked(name))]
    replies += dialect.send_event(Ended(1.0, 0))
    assert len(replies) == len(asked) + 1
