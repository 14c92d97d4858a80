"""Reading and writing events."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whispercpp_ws.errors import BadMessage, PeerError, UnknownModel
from whispercpp_ws.events import (
    Acknowledged,
    Ended,
    Event,
    Failed,
    Final,
    Partial,
    Ready,
    SpeechEnded,
    SpeechStarted,
    Warned,
)
from whispercpp_ws.protocols.native_events import (
    decode_event,
    decode_message,
    encode_event,
)
from whispercpp_ws.transcript import Word


WORDS = (Word("Привет,", 0.84, 1.2, 0.97), Word("мир", 1.2, 1.9, 0.5))


@pytest.mark.parametrize(
    "event",
    [
        Ready("id", "base", "ru", 2.4),
        SpeechStarted(0.84),
        SpeechEnded(2.31),
        Partial(1, "привет как", "привет", 0.84, 1.9),
        Final(1, "Привет, мир", 0.84, 2.31, "ru", 0.93, WORDS),
        Final(2, "", 3.0, 3.5, "en", 0.0, ()),
        Final(3, "No words", 3.0, 3.5, "en", 0.5, None),
        Acknowledged(2.4),
        Warned("overload", "slower", 1500),
        Warned("engine_crashed", "a partial was lost"),
        Ended(11.0, 3),
    ],
    ids=repr,
)
def test_events_survive_the_wire(event: Event) -> None:
    assert decode_event(encode_event(event)) == event


def test_an_error_survives_with_its_class_and_field() -> None:
    text = encode_event(Failed(UnknownModel("no", field="model")), request_id="r1")
    message = decode_message(text)
    assert isinstance(message.event, Failed)
    error = message.event.error
    assert (type(error), str(error), error.field) == (UnknownModel, "no", "model")
    assert message.request_id == "r1"


def test_text_is_sent_as_it_is_spoken() -> None:
    assert "привет" in encode_event(Partial(1, "привет", "", 0, 1))


def test_times_are_rounded_to_milliseconds() -> None:
    text = encode_event(Partial(1, "a", "", 1 / 3, 2 / 3), lag_ms=5)
    assert json.loads(text) | {"text": "", "stable": ""} == {
        "type": "partial",
        "utterance": 1,
        "text": "",
        "stable": "",
        "ts": 0.333,
        "te": 0.667,
        "lag_ms": 5,
    }


def test_the_lag_is_read() -> None:
    text = encode_event(Partial(1, "a", "", 0, 1), lag_ms=310)
    assert decode_message(text).lag_ms == 310


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("{}", "type"),
        ('{"type":"song"}', "type"),
        ('{"type":["final"]}', "type"),
        ('{"type":"speech","state":"maybe"}', "state"),
        ('{"type":"partial","utterance":-1}', "utterance"),
        ('{"type":"final","words":"none"}', "words"),
        ('{"type":"final","words":["none"]}', "words"),
        ('{"type":"end","offset":"x"}', "offset"),
    ],
)
def test_a_wrong_message_names_its_field(text: str, field: str) -> None:
    with pytest.raises(BadMessage) as refused:
        decode_event(text)
    assert refused.value.field == field


def test_only_events_can_be_written() -> None:
    with pytest.raises(TypeError, match="expected an Event, got int"):
        encode_event(1)  # type: ignore[arg-type]


@given(st.text() | st.text().map(lambda text: json.dumps({"type": text})))
def test_any_text_raises_only_peer_errors(text: str) -> None:
    with suppress(PeerError):
        assert isinstance(decode_event(text), Event)
