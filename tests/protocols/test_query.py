"""Parameters of upgrade requests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whispercpp_ws.errors import BadMessage
from whispercpp_ws.protocols.query import flag, is_asked_for, last, refuse, whole


def test_of_a_repeated_parameter_the_last_counts() -> None:
    assert last({"a": ["1", "2"]}, "a") == "2"
    assert last({}, "a", "0") == "0"


@pytest.mark.parametrize(
    ("text", "is_set"),
    [("true", True), ("True", True), ("false", False), ("False", False)],
)
def test_flags_are_written_in_two_languages(text: str, is_set: bool) -> None:
    assert flag({"a": [text]}, "a") == is_set
    assert is_asked_for({"a": [text]}, "a") == is_set


def test_what_is_not_there_is_not_asked_for() -> None:
    assert not flag({}, "a")
    assert not is_asked_for({}, "a")
    refuse({"b": ["true"]}, ["a"])


def test_what_is_not_served_is_refused_by_name() -> None:
    with pytest.raises(BadMessage) as caught:
        refuse({"a": ["false"], "b": ["en"]}, ["a", "b"])
    assert caught.value.field == "b"


@given(st.text(max_size=12))
def test_any_text_is_a_number_in_the_range_or_refused_by_name(text: str) -> None:
    try:
        number = whole({"a": [text]}, "a", 0, low=5, high=50)
    except BadMessage as error:
        assert error.field == "a"
    else:
        assert 5 <= number <= 50
