"""AssemblyAI's query, turns and control messages."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocols.transcripts import refusals, replayed, steps_of, transcripts
from whispercpp_ws.errors import (
    AudioTooFast,
    BadMessage,
    EngineCrashed,
    Overloaded,
    PeerError,
    SessionIdle,
    SessionTooLong,
    SpeechError,
    Unauthorized,
)
from whispercpp_ws.events import (
    AudioFormat,
    Encoding,
    End,
    Ended,
    Failed,
    Final,
    Partial,
    SessionOptions,
)
from whispercpp_ws.protocols.assemblyai import AssemblyAIDialect, open_dialect


DEFAULTS = SessionOptions()


def opened(**query: str) -> AssemblyAIDialect:
    return open_dialect({name: [text] for name, text in query.items()}, DEFAULTS)


def test_golden_transcripts_come_out_again() -> None:
    paths = transcripts("assemblyai")
    assert len(paths) >= 4
    for path in paths:
        dialect = opened(sample_rate="16000", format_turns="True")
        dialect.session_id, dialect.expires_at = "s1", 1893456000
        dialect.elapsed_s = lambda: 4.2
        assert replayed(dialect, steps_of(path)) == steps_of(path)


@pytest.mark.parametrize(
    ("query", "audio"),
    [
        ({}, AudioFormat()),
        ({"sample_rate": "48000"}, AudioFormat(rate=48_000)),
        (
            {"encoding": "pcm_mulaw", "sample_rate": "8000"},
            AudioFormat(Encoding.MULAW, 8000),
        ),
    ],
)
def test_the_query_says_what_the_audio_is(
    query: dict[str, str], audio: AudioFormat
) -> None:
    assert opened(**query).options.audio == audio


def test_key_terms_and_a_prompt_are_a_prompt() -> None:
    dialect = opened(prompt="A call.", keyterms_prompt='["AssemblyAI", "whisper"]')
    assert dialect.options.prompt == "A call. AssemblyAI, whisper"


@pytest.mark.parametrize(
    ("query", "language", "candidates"),
    [
        ({}, "auto", ()),
        ({"language_code": "en-US"}, "en", ()),
        ({"language_codes": '["es"]'}, "es", ()),
        ({"language_codes": '["es", "pt"]'}, "auto", ("es", "pt")),
    ],
)
def test_several_languages_are_chosen_from(
    query: dict[str, str], language: str, candidates: tuple[str, ...]
) -> None:
    options = opened(**query).options
    assert (options.language, options.candidates) == (language, candidates)


@pytest.mark.parametrize(
    ("query", "expected_ms"),
    [
        ({}, 600),
        ({"max_turn_silence": "1280"}, 1280),
        ({"max_turn_silence": "50"}, 200),
        ({"max_turn_silence": "9000"}, 5000),
        ({"min_turn_silence": "160"}, 600),
    ],
)
def test_the_longest_silence_within_a_turn_ends_it(
    query: dict[str, str], expected_ms: int
) -> None:
    assert opened(**query).options.endpoint_ms == expected_ms


def test_partial_turns_can_be_left_out() -> None:
    assert not opened(include_partial_turns="False").options.partials
    assert opened().options.partials


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"encoding": "opus"}, "encoding"),
        ({"sample_rate": "4000"}, "sample_rate"),
        ({"sample_rate": "-1"}, "sample_rate"),
        ({"format_turns": "maybe"}, "format_turns"),
        ({"speaker_labels": "True"}, "speaker_labels"),
        ({"redact_pii": "true"}, "redact_pii"),
        ({"keyterms_prompt": "[7]"}, "keyterms_prompt"),
        ({"language_code": "klingon"}, "lang"),
        ({"max_turn_silence": "long"}, "max_turn_silence"),
    ],
)
def test_a_wrong_query_names_the_parameter(query: dict[str, str], name: str) -> None:
    with pytest.raises(BadMessage) as caught:
        opened(**query)
    assert caught.value.field == name


def test_turns_are_formatted_only_where_that_is_asked_for() -> None:
    final = Final(1, "Yes.", 0, 1, "en", 0.9, ())
    (turn,) = map(json.loads, opened().send_event(final))
    assert (turn["end_of_turn"], turn["turn_is_formatted"]) == (True, False)


def test_an_utterance_without_words_is_told_only_where_it_was_before() -> None:
    nothing = Final(1, "", 0, 1, "en", 0.0, ())
    dialect = opened()
    assert dialect.send_event(nothing) == []
    dialect.send_event(Partial(1, "hm", "", 0, 1))
    (turn,) = map(json.loads, dialect.send_event(nothing))
    assert (turn["transcript"], turn["words"]) == ("", [])
    assert turn["end_of_turn"]


def test_half_a_sample_at_the_end_is_completed() -> None:
    dialect = opened()
    dialect.receive_binary(b"\0")
    assert dialect.receive_text('{"type":"Terminate"}') == [b"\0", End()]
    assert dialect.receive_binary(b"\0\0") == []
    assert dialect.receive_text('{"type":"ForceEndpoint"}') == []


def test_durations_are_whole_numbers() -> None:
    dialect = opened()
    dialect.elapsed_s = lambda: 2.7
    (ended,) = map(json.loads, dialect.send_event(Ended(1.6, 1)))
    assert ended["audio_duration_seconds"] == 2
    assert ended["session_duration_seconds"] == 3


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadMessage("x"), 3006),
        (Unauthorized("x"), 4001),
        (SessionIdle("x"), 4031),
        (SessionTooLong("x"), 3008),
        (AudioTooFast("x"), 4029),
        (Overloaded("x"), 3009),
        (EngineCrashed("x"), 3005),
    ],
)
def test_errors_have_the_codes_of_the_service(error: SpeechError, code: int) -> None:
    dialect = opened()
    (told,) = map(json.loads, dialect.send_event(Failed(error)))
    assert told == {"type": "Error", "error_code": code, "error": "x"}
    assert dialect.closing(error).code == code


QUERIES = st.dictionaries(
    st.sampled_from(
        ["encoding", "sample_rate", "format_turns", "keyterms_prompt", "prompt"]
        + ["language_code", "language_codes", "max_turn_silence", "speaker_labels"]
    ),
    st.lists(st.text(max_size=12), min_size=1, max_size=2),
)


@given(QUERIES)
def test_any_query_is_taken_or_the_peers_error(query: dict[str, list[str]]) -> None:
    try:
        assert open_dialect(query, DEFAULTS)
    except PeerError as error:
        assert str(error)


KINDS = st.sampled_from(
    ["KeepAlive", "ForceEndpoint", "Terminate", "UpdateConfiguration", "", 7]
)
VALUES = st.none() | st.integers() | st.text(max_size=5) | st.lists(st.text(max_size=3))
MESSAGES = st.text(max_size=30) | st.builds(
    lambda kind, fields: json.dumps(fields | {"type": kind}),
    KINDS,
    st.dictionaries(
        st.sampled_from(["prompt", "keyterms_prompt", "max_turn_silence"]), VALUES
    ),
)


@given(st.lists(MESSAGES | st.binary(max_size=60), max_size=8))
def test_any_frames_are_taken_or_the_peers_error(frames: list[Any]) -> None:
    dialect = opened()
    for error in refusals(dialect, frames):
        (text,) = dialect.send_event(Failed(error))
        assert json.loads(text)["type"] == "Error"
        assert dialect.closing(error).code == 3006
