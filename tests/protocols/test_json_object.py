"""What counts as a JSON object."""

import pytest

from whispercpp_ws.errors import BadJson
from whispercpp_ws.protocols.json_object import MAX_TEXT_CHARS, parse_json_object


def test_an_object_is_returned() -> None:
    assert parse_json_object('{"a": [1, 2.5, "ж", null]}') == {"a": [1, 2.5, "ж", None]}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "an array"),
        ('"a"', "a string"),
        ("1", "a number"),
        ("true", "true"),
        ("null", "null"),
        ("{", "a syntax error at character 1"),
        ('{"a":NaN}', "NaN, which JSON does not have"),
        ('{"a":1e999}', "a number too large"),
        ('{"a":1,"a":1}', "a repeated key"),
        ('{"a":"\\ud800"}', "a lone surrogate"),
        ("[" * 60_000, "too many nested brackets"),
        ("9" * 5_000, "an integer of too many digits"),
        (" " * (MAX_TEXT_CHARS + 1), "got 65537"),
    ],
)
def test_anything_else_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(BadJson, match=reason):
        parse_json_object(text)
