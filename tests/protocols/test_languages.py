"""Language codes."""

import pytest

from whispercpp_ws.errors import BadMessage, BadStart
from whispercpp_ws.protocols.languages import LANGUAGES, language_code


def test_whisper_knows_a_hundred_languages() -> None:
    assert len(set(LANGUAGES)) == len(LANGUAGES) == 100
    assert (LANGUAGES[0], LANGUAGES[-1]) == ("en", "yue")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("en", "en"),
        ("ru-RU", "ru"),
        ("RU", "ru"),
        ("pt_BR", "pt"),
        (" zh-Hant-TW ", "zh"),
        ("haw", "haw"),
        ("auto", "auto"),
        ("", "auto"),
    ],
)
def test_tags_are_reduced_to_codes(text: str, code: str) -> None:
    assert language_code(text) == code


def test_an_unknown_language_names_the_field() -> None:
    with pytest.raises(BadStart) as refused:
        language_code("tlh", error=BadStart)
    assert refused.value.field == "lang"
    with pytest.raises(BadMessage):
        language_code("english")
