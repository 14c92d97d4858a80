"""Names of audio encodings."""

import pytest

from whispercpp_ws.errors import UnknownFormat
from whispercpp_ws.events import Encoding
from whispercpp_ws.protocols.formats import ENCODINGS, encoding_named


@pytest.mark.parametrize("name", [*ENCODINGS, *(name.upper() for name in ENCODINGS)])
def test_names_are_known_in_any_case(name: str) -> None:
    assert encoding_named(name) is ENCODINGS[name.lower()]


def test_every_encoding_has_its_native_name() -> None:
    assert {encoding_named(member.value) for member in Encoding} == set(Encoding)


@pytest.mark.parametrize("name", ["", "mp3", "pcm16be", "pcm16le "])
def test_another_name_is_refused_with_those_that_are_known(name: str) -> None:
    with pytest.raises(UnknownFormat, match="pcm16le, f32le, mulaw, alaw") as refused:
        encoding_named(name)
    assert refused.value.field == "format"
