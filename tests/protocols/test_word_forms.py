"""Words without punctuation, and words that have no times yet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whispercpp_ws.protocols.word_forms import bare, spread


@pytest.mark.parametrize(
    ("word", "expected"),
    [("Hello,", "hello"), ("«Да!»", "да"), ("don't", "don't"), ("...", ""), ("", "")],
)
def test_a_bare_word_has_no_capitals_and_nothing_around_it(
    word: str, expected: str
) -> None:
    assert bare(word) == expected


@given(st.text(max_size=40), st.floats(0, 100), st.floats(0, 100))
def test_spread_words_are_the_texts_and_follow_on_each_other(
    text: str, start_s: float, length_s: float
) -> None:
    words = spread(text, start_s, start_s + length_s)
    assert [word.text for word in words] == text.split()
    assert all(start_s <= word.start_s <= word.end_s + 1e-9 for word in words)
    for before, after in zip(words, words[1:], strict=False):
        assert before.end_s == pytest.approx(after.start_s)
