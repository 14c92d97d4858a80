from hypothesis import given
from hypothesis import strategies as st

from scripts.bench.words import common_prefix, kept, plain_words


WORDS = st.lists(st.sampled_from("abcd"), max_size=12)


def test_words_lose_case_punctuation_and_apostrophes() -> None:
    assert plain_words("Don't — STOP, 3:2!") == ("dont", "stop", "3", "2")


def test_unspaced_scripts_are_taken_by_character() -> None:
    assert plain_words("你好。ok") == ("你", "好", "ok")


def test_a_word_that_moved_is_kept() -> None:
    assert kept(("b", "c"), ("a", "b", "c")) == {1, 2}


@given(WORDS, WORDS)
def test_the_common_prefix_is_common_and_cannot_grow(
    a: list[str], b: list[str]
) -> None:
    count = common_prefix(a, b)
    assert a[:count] == b[:count]
    assert a[: count + 1] != b[: count + 1] or count == min(len(a), len(b))


@given(WORDS)
def test_a_text_keeps_all_of_itself(words: list[str]) -> None:
    assert kept(words, words) == set(range(len(words)))
