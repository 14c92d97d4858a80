from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.session.words import heard, spoken
from whispercpp_ws.session.context import (
    seam,
    split_ahead,
    without_context,
    without_guesses,
)
from whispercpp_ws.transcript import Hypothesis


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


def squeezed(line: str, *, from_word: int, at_s: float) -> Hypothesis:
    """Say a line whose last words have no time, as if the audio had ended at `at_s`."""
    hypothesis = heard(line)
    words = tuple(
        word if index < from_word else replace(word, start_s=at_s, end_s=at_s)
        for index, word in enumerate(hypothesis.words)
    )
    return replace(hypothesis, words=words)


def test_words_for_which_there_is_no_audio_are_left_out() -> None:
    said = squeezed("thick stirring constantly. Stir in", from_word=3, at_s=1.3)
    own = without_guesses(said, 1.6)
    assert own.text == "thick stirring constantly."
    assert own.token_count == 3


def test_a_sentence_said_again_goes_with_its_first_word_that_has_some_time() -> None:
    said = squeezed("and so my fellow Americans and so my", from_word=5, at_s=2.44)
    words = list(said.words)
    words[5] = replace(words[5], start_s=2.4)
    own = without_guesses(replace(said, words=tuple(words)), 2.6)
    assert own.text == "and so my fellow Americans"


def test_words_without_time_in_mid_window_are_real() -> None:
    said = squeezed("in miserable circumstances", from_word=1, at_s=0.4)
    assert without_guesses(said, 3.0) is said


def test_one_last_word_without_time_may_be_real() -> None:
    said = squeezed("lobster Newberg", from_word=1, at_s=0.5)
    assert without_guesses(said, 0.6) is said


def test_of_nothing_nothing_is_left_out() -> None:
    assert without_guesses(Hypothesis(), 0.2) == Hypothesis()


def test_a_window_of_guesses_says_nothing() -> None:
    said = squeezed("thank you", from_word=0, at_s=0.2)
    own = without_guesses(said, 0.3)
    assert (own.text, own.words, own.mean_logprob) == ("", (), 0.0)
