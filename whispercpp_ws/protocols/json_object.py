"""Read one JSON object from a peer, stricter and safer than `json.loads` alone."""

import json
from math import isfinite
from typing import NoReturn

from whispercpp_ws.errors import BadJson


MAX_TEXT_CHARS = 65_536
"""Characters of a message; `start` with the longest token and prompt is a tenth."""

JsonObject = dict[str, object]


def parse_json_object(text: str, *, max_chars: int = MAX_TEXT_CHARS) -> JsonObject:
    """
    Parse a text frame that must hold one JSON object (RFC 8259).

    NaN, infinite numbers, repeated keys, lone surrogates and nesting deeper than the
    interpreter allows are refused, since parsers disagree about what they mean.

    Raises:
        BadJson: the text is anything else; no other exception ever comes out.
    """
    if len(text) > max_chars:
        raise BadJson(
            f"expected a message of at most {max_chars} characters, got {len(text)}"
        )
    value = _loads(text)
    if not isinstance(value, dict):
        raise BadJson(f"expected a JSON object, got {_json_type(value)}")
    return value


def _loads(text: str) -> object:
    try:
        value: object = json.loads(
            text,
            parse_float=_finite,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique_keys,
        )
        # A lone surrogate survives parsing but cannot be sent or logged as UTF-8.
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise BadJson("expected JSON, got too many nested brackets") from None
    except ValueError as error:
        raise BadJson(f"expected JSON, got {_reason(error)}") from None
    return value


def _finite(digits: str) -> float:
    number = float(digits)
    if not isfinite(number):
        raise ValueError("a number too large for a float")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name}, which JSON does not have")


def _unique_keys(pairs: list[tuple[str, object]]) -> JsonObject:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object with a repeated key")
    return found


def _reason(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"a syntax error at character {error.pos}: {error.msg}"
    if isinstance(error, UnicodeEncodeError):
        return "a lone surrogate, which is no character"
    if str(error).startswith("Exceeds the limit"):
        return "an integer of too many digits"
    return str(error)


def _json_type(value: object) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        return "a string"
    return "an array" if isinstance(value, list) else "a number"
