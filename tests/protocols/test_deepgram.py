"""Deepgram's queries, results and control messages."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocols.transcripts import refusals, replayed, steps_of, transcripts
from whispercpp_ws.errors import (
    BadMessage,
    EngineCrashed,
    PeerError,
    SessionIdle,
    Unauthorized,
)
from whispercpp_ws.events import (
    AudioFormat,
    Encoding,
    Ended,
    Failed,
    Marked,
    SessionOptions,
    SpeechEnded,
)
from whispercpp_ws.protocols.deepgram import DeepgramDialect
from whispercpp_ws.protocols.deepgram_query import Listen, error_body, read_query


DEFAULTS = SessionOptions()
RAW = {"encoding": ["linear16"], "sample_rate": ["16000"]}
FULL = RAW | {
    "model": ["nova-3"],
    "interim_results": ["true"],
    "vad_events": ["True"],
    "endpointing": ["300"],
}


def listening(**query: list[str]) -> DeepgramDialect:
    return DeepgramDialect(read_query(query, DEFAULTS), "r1")


def dialect_of(path: Path) -> DeepgramDialect:
    """Open a stream as the transcript's name says."""
    if path.stem.endswith("-utterance-end"):
        return listening(**FULL, utterance_end_ms=["1000"])
    return listening() if path.stem.endswith("-wav") else listening(**FULL)


def test_golden_transcripts_come_out_again() -> None:
    paths = transcripts("deepgram")
    assert len(paths) >= 6
    for path in paths:
        assert replayed(dialect_of(path), steps_of(path)) == steps_of(path)


@pytest.mark.parametrize(
    ("query", "audio"),
    [
        (RAW, AudioFormat()),
        (
            {"encoding": ["mulaw"], "sample_rate": ["8000"], "channels": ["2"]},
            AudioFormat(Encoding.MULAW, 8000, 2),
        ),
    ],
)
def test_the_query_says_what_the_audio_is(
    query: dict[str, list[str]], audio: AudioFormat
) -> None:
    assert read_query(query, DEFAULTS).options.audio == audio


def test_key_terms_and_keywords_are_a_prompt() -> None:
    query = {"keyterm": ["Deepgram", "whisper"], "keywords": ["nova:2"]}
    assert read_query(query, DEFAULTS).options.prompt == "Deepgram, whisper, nova"


@pytest.mark.parametrize(
    ("query", "expected_ms"),
    [
        ({}, 600),
        ({"endpointing": ["true"]}, 600),
        ({"endpointing": ["25"]}, 600),
        ({"endpointing": ["200"]}, 200),
        ({"endpointing": ["false"]}, 5000),
        ({"endpointing": ["300"], "utterance_end_ms": ["1000"]}, 1000),
    ],
)
def test_endpointing_is_kept_within_what_sessions_take(
    query: dict[str, list[str]], expected_ms: int
) -> None:
    assert read_query(query, DEFAULTS).options.endpoint_ms == expected_ms


@pytest.mark.parametrize(
    ("query", "language"),
    [({"language": ["en-US"]}, "en"), ({"language": ["multi"]}, "auto"), ({}, "auto")],
)
def test_languages_are_reduced_to_codes(
    query: dict[str, list[str]], language: str
) -> None:
    assert read_query(query, DEFAULTS).options.language == language


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"encoding": ["opus"], "sample_rate": ["48000"]}, "encoding"),
        ({"sample_rate": ["16000"]}, "encoding"),
        ({"encoding": ["linear16"]}, "sample_rate"),
        ({"encoding": ["linear16"], "sample_rate": ["9" * 5000]}, "sample_rate"),
        ({"interim_results": ["maybe"]}, "interim_results"),
        ({"diarize": ["true"]}, "diarize"),
        ({"endpointing": ["soon"]}, "endpointing"),
        ({"language": ["klingon"]}, "lang"),
    ],
)
def test_a_wrong_query_names_the_parameter(
    query: dict[str, list[str]], name: str
) -> None:
    with pytest.raises(BadMessage) as caught:
        read_query(query, DEFAULTS)
    assert caught.value.field == name


def test_refusals_are_in_deepgrams_form() -> None:
    body = json.loads(error_body(Unauthorized("no"), "r1"))
    assert body == {"err_code": "INVALID_AUTH", "err_msg": "no", "request_id": "r1"}


def test_a_finalize_waits_for_the_finals_of_what_was_said() -> None:
    dialect = listening(**FULL)
    dialect.send_event(SpeechEnded(1.0))
    assert dialect.send_event(Marked("finalize")) == []


def test_what_comes_after_the_end_is_passed_over() -> None:
    dialect = listening(**FULL)
    dialect.receive_binary(b"")
    assert dialect.receive_binary(b"\0\0") == []
    assert dialect.receive_text('{"type":"Finalize"}') == []


def test_a_finalize_that_still_waits_is_answered_at_the_end() -> None:
    dialect = listening(**FULL)
    dialect.send_event(SpeechEnded(1.0))
    dialect.send_event(Marked("finalize"))
    answer, metadata = map(json.loads, dialect.send_event(Ended(2.0, 0)))
    assert answer["from_finalize"]
    assert metadata["type"] == "Metadata"


def test_silence_is_closed_with_net_0001_and_no_message() -> None:
    error = SessionIdle("nothing came")
    dialect = listening(**FULL)
    closing = dialect.closing(error)
    assert dialect.send_event(Failed(error)) == []
    assert (closing.code, closing.reason[:8]) == (1011, "NET-0001")
    assert len(closing.reason.encode()) <= 123


def test_our_faults_are_net_0000_and_the_peers_are_data_0000() -> None:
    dialect = listening(**FULL)
    assert dialect.closing(EngineCrashed("x")).code == 1011
    assert dialect.closing(BadMessage("x")).code == 1008


QUERIES = st.dictionaries(
    st.sampled_from(
        ["encoding", "sample_rate", "channels", "language", "interim_results"]
        + ["endpointing", "utterance_end_ms", "keyterm", "keywords", "vad_events"]
    ),
    st.lists(st.text(max_size=12), min_size=1, max_size=2),
)


@given(QUERIES)
def test_any_query_is_taken_or_the_peers_error(query: dict[str, list[str]]) -> None:
    try:
        assert isinstance(read_query(query, DEFAULTS), Listen)
    except PeerError as error:
        assert json.loads(error_body(error, "r"))["err_msg"]


KINDS = st.sampled_from(["KeepAlive", "Finalize", "CloseStream", "Configure", "", 7])
MESSAGES = st.text(max_size=30) | st.builds(
    lambda kind: json.dumps({"type": kind}), KINDS
)


@given(st.lists(MESSAGES | st.binary(max_size=60), max_size=8), st.booleans())
def test_any_frames_are_taken_or_the_peers_error(
    frames: list[Any], has_format: bool
) -> None:
    dialect = listening(**RAW) if has_format else listening()
    for error in refusals(dialect, frames):
        (text,) = dialect.send_event(Failed(error))
        assert json.loads(text)["type"] == "Error"
        assert dialect.closing(error).code == 1008
