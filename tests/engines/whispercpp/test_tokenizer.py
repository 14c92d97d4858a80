import pytest

from tests.engines.whispercpp.fake_whisper import FakeWhisper, texts
from whispercpp_ws.engines.whispercpp.tokenizer import (
    MAX_TEXT_CHARACTERS,
    Tokenizer,
)
from whispercpp_ws.errors import RefusedInput


def test_special_tokens_spelt_in_a_text_are_left_out(lib: FakeWhisper) -> None:
    assert Tokenizer(lib, 1).tokenize("a!b") == (97, 98)


def test_tokens_join_to_text(lib: FakeWhisper) -> None:
    lib.segments = [texts(["a", "b"])]
    assert Tokenizer(lib, 1).decode([0, 1]) == " a b"


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x" * (MAX_TEXT_CHARACTERS + 1)])
def test_a_text_c_cannot_take_is_refused(lib: FakeWhisper, text: str) -> None:
    with pytest.raises(RefusedInput, match="prompt: expected"):
        Tokenizer(lib, 1).tokenize(text)
