"""Events of the native dialect: `Event` to JSON text and back."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import singledispatch

from whispercpp_ws.errors import BadMessage, error_from_code
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
    whole_ms,
)
from whispercpp_ws.protocols.fields import Fields
from whispercpp_ws.protocols.json_object import JsonObject, parse_json_object
from whispercpp_ws.transcript import Word


MAX_TEXT = 60_000
"""Characters of one text field of the server; a final has some hundred."""
MAX_COUNT = 1 << 53
"""Largest whole number every JSON parser reads exactly (RFC 8259 section 6)."""


@dataclass(frozen=True, slots=True)
class ServerMessage:
    """One text frame of the server, as a client reads it."""

    event: Event
    lag_ms: int | None = None
    """How long after the last audio it covers arrived the server sent it."""
    request_id: str = ""
    """The server's name for the connection, in its logs; errors carry it."""


def encode_event(
    event: Event, *, lag_ms: int | None = None, request_id: str = ""
) -> str:
    """
    Write an event as the text frame the server sends.

    `lag_ms` goes into partials and finals, `request_id` into errors.
    """
    body = _body(event)
    if lag_ms is not None and isinstance(event, Partial | Final):
        body["lag_ms"] = lag_ms
    if isinstance(event, Failed):
        body["request_id"] = request_id
    return json.dumps(body, ensure_ascii=False, allow_nan=False)


def decode_event(text: str) -> Event:
    """
    Read the event of a text frame of the server.

    Raises:
        BadJson: the text is not one JSON object.
        BadMessage: a field is wrong, or the `type` is unknown.
    """
    return decode_message(text).event


def decode_message(text: str) -> ServerMessage:
    """Read a text frame of the server whole; raises what `decode_event` does."""
    body = parse_json_object(text)
    kind = body.get("type")
    read = _READERS.get(kind) if isinstance(kind, str) else None
    if read is None:
        raise BadMessage.expected("type", f"one of {', '.join(_READERS)}", kind)
    fields = Fields(body)
    return ServerMessage(
        event=read(fields),
        lag_ms=_count(fields, "lag_ms") if fields.has("lag_ms") else None,
        request_id=_text(fields, "request_id"),
    )


@singledispatch
def _body(event: object) -> JsonObject:
    raise TypeError(f"expected an Event, got {type(event).__name__}")


@_body.register
def _ready_body(event: Ready) -> JsonObject:
    return {
        "type": "ready",
        "session": event.session_id,
        "model": event.model,
        "lang": event.language,
        "offset": whole_ms(event.offset_s) / 1000,
    }


@_body.register
def _speech_started_body(event: SpeechStarted) -> JsonObject:
    return {"type": "speech", "state": "start", "ts": round(event.start_s, 3)}


@_body.register
def _speech_ended_body(event: SpeechEnded) -> JsonObject:
    return {"type": "speech", "state": "end", "ts": round(event.end_s, 3)}


@_body.register
def _partial_body(event: Partial) -> JsonObject:
    return {
        "type": "partial",
        "utterance": event.utterance,
        "text": event.text,
        "stable": event.stable,
        "ts": round(event.start_s, 3),
        "te": round(event.end_s, 3),
    }


@_body.register
def _final_body(event: Final) -> JsonObject:
    body: JsonObject = {
        "type": "final",
        "utterance": event.utterance,
        "text": event.text,
        "ts": round(event.start_s, 3),
        "te": round(event.end_s, 3),
        "lang": event.language,
        "conf": round(event.confidence, 3),
    }
    if event.words is not None:
        body["words"] = [_word_body(word) for word in event.words]
    return body


def _word_body(word: Word) -> JsonObject:
    return {
        "word": word.text,
        "start": round(word.start_s, 3),
        "end": round(word.end_s, 3),
        "conf": round(word.confidence, 3),
    }


@_body.register
def _acknowledged_body(event: Acknowledged) -> JsonObject:
    # Down: rounded up, it would let a client forget audio that is not settled.
    return {"type": "ack", "offset": whole_ms(event.offset_s) / 1000}


@_body.register
def _warned_body(event: Warned) -> JsonObject:
    body: JsonObject = {
        "type": "warning",
        "code": event.code,
        "message": event.message,
    }
    return body if event.step_ms is None else body | {"step_ms": event.step_ms}


@_body.register
def _ended_body(event: Ended) -> JsonObject:
    return {
        "type": "end",
        "offset": round(event.offset_s, 3),
        "finals": event.finals,
    }


@_body.register
def _failed_body(event: Failed) -> JsonObject:
    error = event.error
    body: JsonObject = {
        "type": "error",
        "code": error.code,
        "message": str(error),
        "retryable": error.retryable,
    }
    if error.retry_after_s:
        body["retry_after"] = error.retry_after_s
    return body if error.field is None else body | {"field": error.field}


def _read_ready(fields: Fields) -> Event:
    return Ready(
        session_id=_text(fields, "session"),
        model=_text(fields, "model"),
        language=_text(fields, "lang"),
        offset_s=fields.seconds("offset"),
    )


def _read_speech(fields: Fields) -> Event:
    match fields.body.get("state"):
        case "start":
            return SpeechStarted(fields.seconds("ts"))
        case "end":
            return SpeechEnded(fields.seconds("ts"))
        case other:
            raise BadMessage.expected("state", "start or end", other)


def _read_partial(fields: Fields) -> Event:
    return Partial(
        utterance=_count(fields, "utterance"),
        text=_text(fields, "text"),
        stable=_text(fields, "stable"),
        start_s=fields.seconds("ts"),
        end_s=fields.seconds("te"),
    )


def _read_final(fields: Fields) -> Event:
    return Final(
        utterance=_count(fields, "utterance"),
        text=_text(fields, "text"),
        start_s=fields.seconds("ts"),
        end_s=fields.seconds("te"),
        language=_text(fields, "lang"),
        confidence=fields.seconds("conf"),
        words=_words(fields.body["words"]) if fields.has("words") else None,
    )


def _words(value: object) -> tuple[Word, ...]:
    if not isinstance(value, list):
        raise BadMessage.expected("words", "an array", value)
    return tuple(_word(item) for item in value)


def _word(value: object) -> Word:
    if not isinstance(value, dict):
        raise BadMessage.expected("words", "objects", value)
    fields = Fields(value)
    return Word(
        text=_text(fields, "word"),
        start_s=fields.seconds("start"),
        end_s=fields.seconds("end"),
        confidence=fields.seconds("conf"),
    )


def _read_ack(fields: Fields) -> Event:
    return Acknowledged(fields.seconds("offset"))


def _read_warning(fields: Fields) -> Event:
    step_ms = _count(fields, "step_ms") if fields.has("step_ms") else None
    return Warned(_text(fields, "code"), _text(fields, "message"), step_ms)


def _read_end(fields: Fields) -> Event:
    return Ended(fields.seconds("offset"), _count(fields, "finals"))


def _read_error(fields: Fields) -> Event:
    error = error_from_code(_text(fields, "code"), _text(fields, "message"))
    error.field = _text(fields, "field") or None
    return Failed(error)


_READERS: dict[str, Callable[[Fields], Event]] = {
    "ready": _read_ready,
    "speech": _read_speech,
    "partial": _read_partial,
    "final": _read_final,
    "ack": _read_ack,
    "warning": _read_warning,
    "end": _read_end,
    "error": _read_error,
}


def _text(fields: Fields, name: str) -> str:
    return fields.text(name, max_chars=MAX_TEXT)


def _count(fields: Fields, name: str) -> int:
    return fields.whole(name, 0, low=0, high=MAX_COUNT)
