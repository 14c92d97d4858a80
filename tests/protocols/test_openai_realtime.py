"""OpenAI's realtime transcription: items, commits, updates and errors."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocols.transcripts import replayed, steps_of, transcripts
from whispercpp_ws.errors import BadMessage, DecodeFailed, PeerError
from whispercpp_ws.events import (
    Acknowledged,
    Event,
    Failed,
    Final,
    Hold,
    Marked,
    Reconfigure,
    SpeechEnded,
    SpeechStarted,
    Start,
)
from whispercpp_ws.protocols.base import Input
from whispercpp_ws.protocols.openai_realtime import RealtimeDialect
from whispercpp_ws.protocols.openai_realtime_session import (
    FRESH,
    patched,
    patched_by_beta,
)


Body = dict[str, Any]
AUDIO = base64.b64encode(bytes(9600)).decode()


def sent(dialect: RealtimeDialect, *events: Event) -> list[Body]:
    return [json.loads(text) for event in events for text in dialect.send_event(event)]


def received(dialect: RealtimeDialect, kind: str, **fields: object) -> list[Input]:
    return dialect.receive_text(json.dumps({"type": kind, **fields}))


def update(**given: object) -> Body:
    return {"session": {"type": "transcription", "audio": {"input": given}}}


def test_golden_transcripts_come_out_again() -> None:
    paths = transcripts("openai_realtime")
    assert len(paths) >= 5
    for path in paths:
        dialect = RealtimeDialect(is_beta=path.stem.endswith("-beta"))
        assert replayed(dialect, steps_of(path)) == steps_of(path)


def test_what_an_update_leaves_out_stays_and_null_clears() -> None:
    one = patched(
        FRESH, update(transcription={"model": "m", "language": "de"})["session"]
    )
    two = patched(one, update(turn_detection=None)["session"])
    three = patched(two, update(transcription=None)["session"])
    assert (two.language, two.turn_detection) == ("de", None)
    assert (two.endpoint_ms, patched(two, {"include": ["x"]}).include) == (500, ["x"])
    assert three.language == ""


@pytest.mark.parametrize(
    ("turn", "expected_ms"),
    [
        ({"type": "server_vad"}, 500),
        ({"type": "server_vad", "silence_duration_ms": 50}, 200),
        ({"type": "semantic_vad"}, 800),
        ({"type": "semantic_vad", "eagerness": "low"}, 1500),
    ],
)
def test_turn_detection_is_a_silence(turn: Body, expected_ms: int) -> None:
    session = patched(FRESH, update(turn_detection=turn)["session"])
    assert session.endpoint_ms == expected_ms


@pytest.mark.parametrize(
    "given",
    [
        {"format": {"type": "audio/opus"}},
        {"format": {"type": "audio/pcm", "rate": 1}},
        {"transcription": {"language": "klingon"}},
        {"turn_detection": {"type": "psychic_vad"}},
        {"turn_detection": {"silence_duration_ms": "long"}},
        {"transcription": 7},
    ],
)
def test_a_wrong_update_is_the_peers_error(given: Body) -> None:
    with pytest.raises(BadMessage):
        patched(FRESH, update(**given)["session"])


def test_the_betas_formats_are_known() -> None:
    session = patched_by_beta(FRESH, {"input_audio_format": "g711_ulaw"})
    assert (session.format, session.audio.rate) == ("audio/pcmu", 8000)
    with pytest.raises(BadMessage):
        patched_by_beta(FRESH, {"input_audio_format": "opus"})


def test_a_change_during_the_session_is_for_the_next_utterance() -> None:
    dialect = RealtimeDialect()
    received(dialect, "input_audio_buffer.append", audio=AUDIO)
    inputs = received(
        dialect, "session.update", **update(transcription={"language": "de"})
    )
    assert isinstance(inputs[0], Reconfigure)
    assert inputs[0].language == "de"


def test_the_format_cannot_change_after_the_first_audio() -> None:
    dialect = RealtimeDialect()
    dialect.receive_open()
    sent(dialect, Marked("reply"))
    received(dialect, "input_audio_buffer.append", audio=AUDIO)
    received(dialect, "session.update", **update(format={"type": "audio/pcmu"}))
    (error,) = sent(dialect, Marked("reply"))
    assert error["error"]["message"].startswith("format:")


def test_without_turn_detection_the_utterance_is_held_open() -> None:
    dialect = RealtimeDialect()
    received(dialect, "session.update", **update(turn_detection=None))
    start, hold, audio = received(dialect, "input_audio_buffer.append", audio=AUDIO)
    assert isinstance(start, Start)
    assert (hold, audio) == (Hold(), bytes(9600))


def test_an_item_without_words_is_completed_too() -> None:
    dialect = RealtimeDialect()
    said = sent(dialect, SpeechStarted(0.1), SpeechEnded(0.4), Acknowledged(0.6))
    assert said[-1]["type"].endswith(".completed")
    assert said[-1]["transcript"] == ""
    assert said[0]["item_id"] == said[-1]["item_id"]


def test_a_commit_that_ends_a_turn_is_no_error() -> None:
    dialect = RealtimeDialect()
    dialect.receive_open()
    received(dialect, "input_audio_buffer.append", audio=AUDIO)
    received(dialect, "input_audio_buffer.commit")
    sent(dialect, Marked("reply"))
    said = sent(
        dialect,
        *(SpeechStarted(0.1), Marked("before")),
        *(SpeechEnded(0.9), Marked("commit")),
    )
    assert "error" not in {body["type"] for body in said}
    assert "input_audio_buffer.committed" in {body["type"] for body in said}


def test_a_turn_that_was_cut_is_one_item_of_all_its_texts() -> None:
    dialect = RealtimeDialect()
    received(dialect, "session.update", **update(turn_detection=None))
    received(dialect, "input_audio_buffer.append", audio=AUDIO)
    received(dialect, "input_audio_buffer.commit")
    said = sent(
        dialect,
        *(Marked("reply"), SpeechStarted(0.1), SpeechEnded(0.9), SpeechStarted(0.9)),
        *(Final(1, "One", 0.1, 0.9, "en", 1), Acknowledged(0.9), SpeechEnded(1.9)),
        *(Marked("commit"), Final(2, "two.", 0.9, 1.9, "en", 1), Acknowledged(2.0)),
    )
    assert said[-1]["transcript"] == "One two."


def test_a_clear_takes_back_no_item_and_drops_what_was_not_committed() -> None:
    dialect = RealtimeDialect()
    received(dialect, "session.update", **update(turn_detection=None))
    sent(dialect, Marked("reply"), SpeechStarted(0.1), SpeechEnded(0.9))
    (cleared,) = sent(dialect, Marked("clear"))
    late = sent(dialect, Final(1, "Gone.", 0.1, 0.9, "en", 1), Acknowledged(1.0))
    assert cleared["type"] == "input_audio_buffer.cleared"
    assert late == []


def test_a_failure_is_told_before_the_close() -> None:
    (error,) = sent(RealtimeDialect(), Failed(DecodeFailed("it broke")))
    assert error["error"]["type"] == "server_error"


def test_binary_frames_are_refused() -> None:
    with pytest.raises(PeerError):
        RealtimeDialect().receive_binary(b"\0\0")


TYPES = st.sampled_from(
    ["session.update", "transcription_session.update", "response.create"]
    + [f"input_audio_buffer.{name}" for name in ("append", "commit", "clear")]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
FIELDS = st.sampled_from(
    ["audio", "input", "format", "transcription", "type", "language", "turn_detection"]
)
INNER = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(FIELDS, SCALARS)
VALUES = INNER | st.dictionaries(FIELDS, INNER | st.dictionaries(FIELDS, INNER))
BODIES = st.builds(
    lambda kind, audio, session: json.dumps(
        {"type": kind, "audio": audio, "session": session}
    ),
    TYPES,
    VALUES,
    VALUES,
)


@given(st.lists(st.text(max_size=20) | BODIES, max_size=6))
def test_any_text_is_taken_or_answered_with_an_error(texts: list[str]) -> None:
    dialect = RealtimeDialect()
    for text in texts:
        for item in dialect.receive_text(text):
            assert isinstance(item, bytes) or item is not None
