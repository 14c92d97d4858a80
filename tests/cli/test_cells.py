"""Text is measured in the columns of a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whispercpp_ws.cli.cells import cells, cut_to_end


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("", 0),
        ("abc", 3),
        ("你好", 4),
        ("e\u0301", 1),
        ("한국", 4),
        ("🎤", 2),
        ("ёж", 2),
    ],
)
def test_a_text_takes_so_many_columns(text: str, columns: int) -> None:
    assert cells(text) == columns


@pytest.mark.parametrize(
    ("text", "columns", "end"),
    [
        ("abc", 3, "abc"),
        ("abc", 2, "bc"),
        ("abc", 0, ""),
        ("你好", 3, "好"),
        ("ae\u0301", 1, "e\u0301"),
        ("好\u0301b", 1, "b"),
    ],
)
def test_the_end_that_fits_is_kept(text: str, columns: int, end: str) -> None:
    assert text[cut_to_end(text, columns) :] == end


@given(st.text(), st.integers(0, 20))
def test_what_is_kept_always_fits_and_is_as_long_as_can_be(
    text: str, columns: int
) -> None:
    cut = cut_to_end(text, columns)
    assert cells(text[cut:]) <= columns
    assert cut == 0 or cells(text[cut - 1 :]) > columns or not cells(text[cut - 1])
