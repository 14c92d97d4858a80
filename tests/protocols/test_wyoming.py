"""Wyoming's events."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocols.transcripts import refusals, replayed, steps_of, transcripts
from whispercpp_ws.errors import BadMessage, DecodeFailed
from whispercpp_ws.events import Failed
from whispercpp_ws.protocols.wyoming import Served, WyomingDialect


SERVED = Served("base-q8_0", ("en", "de"), "0.1.0")


def test_golden_transcripts_come_out_again() -> None:
    paths = transcripts("wyoming")
    assert len(paths) >= 4
    for path in paths:
        assert replayed(WyomingDialect(SERVED), steps_of(path)) == steps_of(path)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("audio-start", {"width": 4}),
        ("audio-start", {"rate": 1}),
        ("transcribe", {"language": "klingon"}),
        ("transcribe", {"transcript_terms": 7}),
        ("ping", {"text": 7}),
    ],
)
def test_a_wrong_value_is_the_peers_error(kind: str, data: object) -> None:
    with pytest.raises(BadMessage):
        WyomingDialect(SERVED).receive_text(json.dumps({"type": kind, "data": data}))


def test_the_format_cannot_change() -> None:
    dialect = WyomingDialect(SERVED)
    dialect.receive_text('{"type":"audio-start","data":{"rate":16000}}')
    with pytest.raises(BadMessage):
        dialect.receive_text('{"type":"audio-chunk","data":{"rate":8000}}')


def test_audio_before_its_format_is_passed_over() -> None:
    assert WyomingDialect(SERVED).receive_binary(b"\0\0") == []


def test_a_failure_is_an_error_event() -> None:
    (text,) = WyomingDialect(SERVED).send_event(Failed(DecodeFailed("it broke")))
    assert json.loads(text)["data"] == {"text": "it broke", "code": "decode_failed"}


KINDS = st.sampled_from(
    ["describe", "transcribe", "audio-start", "audio-chunk", "audio-stop", "ping", "?"]
)
DATA = st.none() | st.dictionaries(
    st.sampled_from(["rate", "width", "channels", "language", "text"]),
    st.none() | st.integers() | st.text(max_size=5) | st.floats(),
)
EVENTS = st.builds(
    lambda kind, data: json.dumps({"type": kind, "data": data}), KINDS, DATA
)


@given(st.lists(EVENTS | st.text(max_size=9) | st.binary(max_size=9), max_size=8))
def test_any_events_are_taken_or_the_peers_error(frames: list[str | bytes]) -> None:
    dialect = WyomingDialect(SERVED)
    for error in refusals(dialect, frames):
        assert dialect.send_event(Failed(error))
