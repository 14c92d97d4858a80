"""Deepgram's answer about a whole file."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whispercpp_ws.errors import BadMessage
from whispercpp_ws.events import Final, SessionOptions
from whispercpp_ws.protocols.deepgram_file import (
    Request,
    read_file_query,
    write_file_body,
)
from whispercpp_ws.protocols.recording import Recording
from whispercpp_ws.transcript import Word


DEFAULTS = SessionOptions()
REQUEST = Request("r1", "2026-01-01T00:00:00.000Z", "ab", "base-q8_0")
HELLO = Final(1, "Hello.", 0.1, 0.9, "en", 0.9, (Word("Hello.", 0.12, 0.51, 0.97),))
BYE = Final(2, "Bye.", 1.0, 1.5, "en", 0.7, (Word("Bye.", 1.0, 1.5, 0.8),))


def answer(query: dict[str, list[str]], *finals: Final) -> Any:
    asked = read_file_query(query, DEFAULTS)
    recording = Recording(2.5, "en", finals)
    return json.loads(write_file_body(recording, asked, REQUEST).text)


def test_the_answer_has_metadata_and_one_channel() -> None:
    body = answer({}, HELLO, BYE)
    assert body["metadata"] == {
        "transaction_key": "deprecated",
        "request_id": "r1",
        "sha256": "ab",
        "created": "2026-01-01T00:00:00.000Z",
        "duration": 2.5,
        "channels": 1,
        "models": ["base-q8_0"],
        "model_info": {
            "base-q8_0": {"name": "base-q8_0", "version": "1", "arch": "whisper"}
        },
    }
    (channel,) = body["results"]["channels"]
    (best,) = channel["alternatives"]
    assert (best["transcript"], best["confidence"]) == ("Hello. Bye.", 0.8)
    assert best["words"][0] == {
        "word": "hello",
        "start": 0.12,
        "end": 0.51,
        "confidence": 0.97,
        "punctuated_word": "Hello.",
    }
    assert body["results"].keys() == {"channels"}
    assert channel.keys() == {"alternatives"}


def test_utterances_paragraphs_and_the_language_come_when_asked_for() -> None:
    names = ("utterances", "paragraphs", "detect_language")
    body = answer({name: ["true"] for name in names}, HELLO, BYE)
    (channel,) = body["results"]["channels"]
    paragraphs = channel["alternatives"][0]["paragraphs"]
    first, second = body["results"]["utterances"]
    assert channel["detected_language"] == "en"
    assert (first["transcript"], second["id"]) == ("Hello.", "r1-1")
    assert paragraphs["transcript"] == "Hello.\n\nBye."
    assert paragraphs["paragraphs"][1]["sentences"][0]["text"] == "Bye."


def test_silence_is_an_empty_transcript() -> None:
    (channel,) = answer({})["results"]["channels"]
    (best,) = channel["alternatives"]
    assert best == {"transcript": "", "confidence": 0.0, "words": []}


@pytest.mark.parametrize(
    "name", ["summarize", "topics", "intents", "sentiment", "diarize", "callback"]
)
def test_what_would_be_missed_is_refused(name: str) -> None:
    with pytest.raises(BadMessage) as caught:
        read_file_query({name: ["v2"]}, DEFAULTS)
    assert caught.value.field == name


def test_what_describes_a_stream_is_passed_over() -> None:
    query = {"encoding": ["opus"], "interim_results": ["perhaps"], "language": ["de"]}
    assert read_file_query(query, DEFAULTS).options.language == "de"


@given(
    st.dictionaries(
        st.sampled_from(["language", "utterances", "keyterm", "topics", "channels"]),
        st.lists(st.text(max_size=5), min_size=1, max_size=2),
    )
)
def test_any_query_is_read_or_the_peers_error(query: dict[str, list[str]]) -> None:
    try:
        read_file_query(query, DEFAULTS)
    except BadMessage as error:
        assert error.field
