import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.session.words import heard, spoken
from whispercpp_ws.session.context import seam, split_ahead, without_context


def test_a_word_belongs_where_its_middle_is() -> None:
    words = without_context(heard("one two three"), 0.5, ()).words
    assert [word.text for word in words] == ["two", "three"]
    assert without_context(heard("one"), 0.5, ()).mean_logprob == 0.0


def test_unsure_words_are_not_hidden_by_a_sure_context() -> None:
    own = without_context(heard("sure sure", logprob=-0.1), 0.4, ())
    assert own.mean_logprob < -0.1


def test_what_is_heard_behind_a_part_is_no_part_of_it() -> None:
    own, ahead = split_ahead(heard("one two three four"), 0.9)
    assert own.text == "one two"
    assert [word.text for word in ahead] == ["three", "four"]
    assert split_ahead(heard("one two"), 9.0)[1] == ()


@pytest.mark.parametrize("context_s", [0.8, 1.2, 1.6, 2.0, 2.4])
def test_a_seam_is_behind_the_words_that_are_published(context_s: float) -> None:
    words = spoken("can do for you, ask what")
    assert seam(words, context_s, spoken("What your country can do for you?")) == 4


def test_what_is_really_said_twice_is_kept_twice() -> None:
    words = spoken("it is for you for you alone")
    assert seam(words, 2.0, spoken("it is for you")) == 4


def test_a_single_word_is_no_seam_far_from_where_times_say() -> None:
    words = spoken("the one and the other and more")
    assert seam(words, 2.8, spoken("in the")) == 7


@given(st.text("ab ", max_size=30), st.text("ab ", max_size=20), st.floats(0, 9))
def test_a_seam_is_always_in_the_text(said: str, before: str, context_s: float) -> None:
    assert 0 <= seam(spoken(said), context_s, spoken(before)) <= len(said.split())
