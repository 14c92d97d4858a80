"""What each kind of value accepts, and how it refuses the rest."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whispercpp_ws.config.kinds import (
    KEY_FILE,
    MAX_KEY_FILE_BYTES,
    ORIGINS,
    PATH,
    SECRET,
    SWITCH,
    Choice,
    Decimal,
    Kind,
    Text,
    Whole,
)
from whispercpp_ws.errors import ConfigError


WHOLE = Whole(1, 5)
DECIMAL = Decimal(0.5, 60)
CHOICE = Choice(("f16", "q8_0"))
TEXT = Text(r"[a-z]+", "small letters")


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (WHOLE, "5", 5),
        (DECIMAL, "0.5", 0.5),
        (DECIMAL, "60", 60.0),
        (CHOICE, "q8_0", "q8_0"),
        (TEXT, "abc", "abc"),
        (SWITCH, "true", True),
        (SWITCH, "1", True),
        (SWITCH, "False", False),
        (SWITCH, "0", False),
        (PATH, "a/b", Path("a/b")),
        (ORIGINS, "", ()),
        (
            ORIGINS,
            "https://a.org, http://b:80",
            ("https://a.org", "http://b:80"),
        ),
        (SECRET, " key\n", "key"),
    ],
)
def test_a_good_text_is_read(kind: Kind, text: str, value: object) -> None:
    assert kind.read(text, "name") == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (WHOLE, "0"),
        (WHOLE, "6"),
        (WHOLE, "2.0"),
        (WHOLE, "٣"),
        (WHOLE, "9" * 5000),
        (DECIMAL, "nan"),
        (DECIMAL, "inf"),
        (DECIMAL, "0.4"),
        (DECIMAL, "much"),
        (CHOICE, "q3"),
        (TEXT, "abc\n"),
        (SWITCH, "yes"),
        (SWITCH, ""),
        (PATH, ""),
        (ORIGINS, "app.example.org"),
        (ORIGINS, "https://a.org/page"),
        (SECRET, "  "),
    ],
)
def test_a_bad_text_is_refused(kind: Kind, text: str) -> None:
    with pytest.raises(ConfigError, match="^name: expected ") as caught:
        kind.read(text, "name")
    assert caught.value.field == "name"
    assert text.strip()[:70] in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("kind", "value", "taken"),
    [
        (WHOLE, 3, 3),
        (DECIMAL, 2, 2.0),
        (CHOICE, "f16", "f16"),
        (SWITCH, False, False),
        (ORIGINS, ["https://a.org"], ("https://a.org",)),
        (PATH, "models", Path("models")),
    ],
)
def test_a_good_toml_value_is_taken(kind: Kind, value: object, taken: object) -> None:
    assert kind.take(value, "name") == taken


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (WHOLE, "3"),
        (WHOLE, True),
        (DECIMAL, True),
        (DECIMAL, "2"),
        (CHOICE, 1),
        (SWITCH, "true"),
        (SWITCH, 1),
        (ORIGINS, "https://a.org"),
        (ORIGINS, [5]),
        (PATH, 7),
    ],
)
def test_a_toml_value_of_another_type_is_refused(kind: Kind, value: object) -> None:
    with pytest.raises(ConfigError, match="^name: expected "):
        kind.take(value, "name")


@given(st.integers(1, 5))
def test_a_shown_number_reads_back(number: int) -> None:
    assert WHOLE.read(WHOLE.show(number), "name") == number


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        (DECIMAL, 30.0, "30"),
        (DECIMAL, 30, "30"),
        (SWITCH, True, "true"),
        (ORIGINS, ("https://a.org", "https://b.org"), "https://a.org,https://b.org"),
        (ORIGINS, None, ""),
        (KEY_FILE, "key", ""),
        (SECRET, "key", ""),
    ],
)
def test_a_value_is_shown_as_it_would_be_given(
    kind: Kind, value: object, shown: str
) -> None:
    assert kind.show(value) == shown


def test_a_single_choice_is_named_alone() -> None:
    assert Choice(("whispercpp",)).expected == "whispercpp"
    assert CHOICE.expected == "f16 or q8_0"


def test_a_key_file_gives_its_content_without_the_line_end(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("-----BEGIN\nabc\n", encoding="utf-8")
    assert KEY_FILE.read(str(file), "name") == "-----BEGIN\nabc"


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe"])
def test_a_file_without_a_key_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match="readable file with a key"):
        KEY_FILE.read(str(file), "name")


@pytest.mark.parametrize("name", ["missing", ".", "a\0b"])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="readable file with a key"):
        KEY_FILE.read(str(tmp_path / name), "name")


def test_a_key_file_is_read_only_up_to_its_limit(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("k" * (MAX_KEY_FILE_BYTES + 1), encoding="utf-8")
    assert len(KEY_FILE.read(str(file), "name")) == MAX_KEY_FILE_BYTES
