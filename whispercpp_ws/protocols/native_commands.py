"""Commands of the native dialect: JSON text to `Command` and back."""

import json
from functools import singledispatch

from whispercpp_ws.errors import BadMessage, BadStart
from whispercpp_ws.events import (
    AudioFormat,
    Command,
    End,
    Flush,
    Hold,
    Reconfigure,
    SessionOptions,
    Start,
)
from whispercpp_ws.protocols.fields import Fields
from whispercpp_ws.protocols.formats import encoding_named
from whispercpp_ws.protocols.json_object import JsonObject, parse_json_object
from whispercpp_ws.protocols.languages import AUTO, language_code


MIN_RATE, MAX_RATE = 8_000, 192_000
MAX_CHANNELS = 8
MIN_ENDPOINT_MS, MAX_ENDPOINT_MS = 200, 5_000
MAX_PROMPT_CHARS = 800
"""What Whisper reads of a prompt, 224 tokens, with room for earlier finals."""
MAX_TOKEN_CHARS = 4_096
MAX_CANDIDATES = 100
"""As many languages as Whisper has."""
MAX_NAME_CHARS = 100
"""Of model, format, language and session names."""


def decode_command(text: str, defaults: SessionOptions | None = None) -> Command:
    """
    Read a text frame of a client; what `start` leaves out is taken from `defaults`.

    Unknown fields are ignored.

    Raises:
        BadJson: the text is not one JSON object.
        BadStart: a field of `start` is wrong; `field` names it.
        BadMessage: the same, of another `op`, or the `op` is unknown.
    """
    body = parse_json_object(text)
    match body.get("op"):
        case "start":
            return _start(Fields(body, BadStart), defaults or SessionOptions())
        case "set":
            return _reconfigure(Fields(body))
        case "flush":
            return Flush()
        case "hold":
            return Hold()
        case "end":
            return End()
        case other:
            raise BadMessage.expected("op", "start, set, flush, hold or end", other)


def encode_command(command: Command) -> str:
    """Write a command as a text frame; what is at its default is left to the server."""
    return json.dumps(_body(command), ensure_ascii=False, allow_nan=False)


def _start(fields: Fields, defaults: SessionOptions) -> Start:
    resume = fields.text("resume", max_chars=MAX_NAME_CHARS)
    return Start(
        _options(fields, defaults),
        token=fields.text("token", max_chars=MAX_TOKEN_CHARS) or None,
        resume=resume or None,
        offset_s=fields.seconds("offset") if fields.has("offset") else None,
    )


def _options(fields: Fields, defaults: SessionOptions) -> SessionOptions:
    return SessionOptions(
        audio=_audio(fields, defaults.audio),
        language=_language(fields, defaults.language),
        candidates=_candidates(fields, defaults.candidates),
        model=fields.text("model", defaults.model, max_chars=MAX_NAME_CHARS),
        words=fields.flag("words", defaults.words),
        partials=fields.flag("partials", defaults.partials),
        prompt=fields.text("prompt", defaults.prompt, max_chars=MAX_PROMPT_CHARS),
        translate=fields.flag("translate", defaults.translate),
        endpoint_ms=_endpoint_ms(fields, defaults.endpoint_ms),
    )


def _audio(fields: Fields, defaults: AudioFormat) -> AudioFormat:
    name = fields.text("format", defaults.encoding.value, max_chars=MAX_NAME_CHARS)
    return AudioFormat(
        encoding=encoding_named(name),
        rate=fields.whole("rate", defaults.rate, low=MIN_RATE, high=MAX_RATE),
        channels=fields.whole("channels", defaults.channels, low=1, high=MAX_CHANNELS),
    )


def _language(fields: Fields, default: str) -> str:
    if not fields.has("lang"):
        return default
    if isinstance(fields.body["lang"], list):
        return AUTO
    text = fields.text("lang", AUTO, max_chars=MAX_NAME_CHARS)
    return language_code(text, error=fields.error)


def _candidates(fields: Fields, default: tuple[str, ...]) -> tuple[str, ...]:
    """Read a list of languages to detect among; a single one replaces any list."""
    if not fields.has("lang"):
        return default
    listed = fields.body["lang"]
    if not isinstance(listed, list):
        return ()
    if not 1 <= len(listed) <= MAX_CANDIDATES or not all(
        isinstance(code, str) and len(code) <= MAX_NAME_CHARS for code in listed
    ):
        expected = f"a code or a list of 1 to {MAX_CANDIDATES} codes"
        raise fields.error.expected("lang", expected, listed)
    codes = [language_code(str(code), error=fields.error) for code in listed]
    return () if AUTO in codes else tuple(dict.fromkeys(codes))


def _endpoint_ms(fields: Fields, default: int) -> int:
    return fields.whole(
        "endpoint_ms", default, low=MIN_ENDPOINT_MS, high=MAX_ENDPOINT_MS
    )


def _reconfigure(fields: Fields) -> Reconfigure:
    has = fields.has
    return Reconfigure(
        language=_language(fields, AUTO) if has("lang") else None,
        candidates=_candidates(fields, ()) if has("lang") else None,
        model=_given_text(fields, "model", MAX_NAME_CHARS),
        prompt=_given_text(fields, "prompt", MAX_PROMPT_CHARS),
        words=fields.flag("words", True) if has("words") else None,
        partials=fields.flag("partials", True) if has("partials") else None,
        endpoint_ms=_endpoint_ms(fields, 0) if has("endpoint_ms") else None,
    )


def _given_text(fields: Fields, name: str, max_chars: int) -> str | None:
    return fields.text(name, max_chars=max_chars) if fields.has(name) else None


@singledispatch
def _body(command: object) -> JsonObject:
    raise TypeError(f"expected a Command, got {type(command).__name__}")


@_body.register
def _start_body(command: Start) -> JsonObject:
    body: JsonObject = {"op": "start"} | _options_body(command.options)
    optional = {
        "token": command.token,
        "resume": command.resume,
        "offset": command.offset_s,
    }
    return body | {name: value for name, value in optional.items() if value is not None}


def _options_body(options: SessionOptions) -> JsonObject:
    audio: JsonObject = {
        "format": options.audio.encoding.value,
        "rate": options.audio.rate,
        "channels": options.audio.channels,
    }
    wanted, defaults = _choices(options), _choices(SessionOptions())
    return audio | {k: value for k, value in wanted.items() if value != defaults[k]}


def _choices(options: SessionOptions) -> JsonObject:
    return {
        "lang": list(options.candidates) or options.language,
        "model": options.model,
        "words": options.words,
        "partials": options.partials,
        "prompt": options.prompt,
        "translate": options.translate,
        "endpoint_ms": options.endpoint_ms,
    }


@_body.register
def _reconfigure_body(command: Reconfigure) -> JsonObject:
    changes: JsonObject = {
        "lang": list(command.candidates or ()) or command.language,
        "model": command.model,
        "prompt": command.prompt,
        "words": command.words,
        "partials": command.partials,
        "endpoint_ms": command.endpoint_ms,
    }
    given = {name: value for name, value in changes.items() if value is not None}
    return {"op": "set"} | given


@_body.register
def _flush_body(_command: Flush) -> JsonObject:
    return {"op": "flush"}


@_body.register
def _hold_body(_command: Hold) -> JsonObject:
    return {"op": "hold"}


@_body.register
def _end_body(_command: End) -> JsonObject:
    return {"op": "end"}
