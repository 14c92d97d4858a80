from dataclasses import replace

import pytest

from tests.session.words import heard, spoken
from whispercpp_ws.session.guards import (
    check,
    compression_ratio,
    longest_unworded_s,
    without_annotations,
    without_long_runs,
    without_short_runs,
)
from whispercpp_ws.transcript import Hypothesis, Word, join_words


def loops_cut(line: str) -> str:
    return join_words(without_short_runs(without_long_runs(spoken(line))))


def test_plain_text_passes() -> None:
    checked = check(heard("ask not what your country can do"), speech_s=3.0)
    assert checked.text == "ask not what your country can do"
    assert not checked.tripped


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("a b c d A, b. c d e", "a b c d"),
        ("x a b c d a b c d a b", "x a b c d"),
        ("so so so so so so", "so"),
        ("we go we go we go now", "we go"),
        ("no no no", "no no no"),
        ("bye bye see you see you", "bye bye see you see you"),
        ("one", "one"),
        ("", ""),
    ],
)
def test_a_loop_ends_the_text_at_its_first_copy(line: str, kept: str) -> None:
    assert loops_cut(line) == kept


def test_a_long_loop_is_cut_off_without_doubting_the_rest() -> None:
    checked = check(heard("a b c d a b c d a b"), speech_s=1.0)
    assert (checked.text, checked.is_cut, checked.tripped) == ("a b c d", True, "")


def test_a_loop_of_a_few_words_trips() -> None:
    checked = check(heard("well 5 5 5 5 5 5"), speech_s=9.0)
    assert (checked.text, checked.tripped) == ("well 5", "loop")


def test_a_sentence_that_comes_again_after_an_invented_one_trips() -> None:
    line = "a b c d e f g h but she said so A, b c d e f g h."
    checked = check(heard(line), speech_s=9.0)
    assert (checked.tripped, checked.dropped) == ("loop", False)


@pytest.mark.parametrize(
    "line",
    [
        "press 1 a b c d e f now press 2 a b c d e f now",
        "a b c d e f g h but she said so a b c d e f g",
        "no no no a b c d e no no no",
    ],
)
def test_what_people_say_twice_does_not_trip(line: str) -> None:
    assert check(heard(line), speech_s=9.0).tripped == ""


def test_times_of_words_are_not_held_against_a_text_whose_copy_was_left_out() -> None:
    looped = replace(heard("a b c d"), looped=True)
    checked = check(looped, speech_s=6.0, stretches=[(0.0, 6.0)])
    assert (checked.text, checked.is_cut, checked.tripped) == ("a b c d", True, "")


def test_a_cut_that_leaves_speech_without_words_trips() -> None:
    looped = heard("a b c d a b c d")
    checked = check(looped, speech_s=6.0, stretches=[(0.0, 6.0)])
    assert checked.tripped == "unworded"


def test_more_tokens_than_can_be_spoken_trip() -> None:
    checked = check(heard("a b c d e f g h i j k l m n o"), speech_s=0.5)
    assert checked.tripped == "token_rate"


def test_text_that_folds_too_well_trips() -> None:
    words = [f"{prefix}antidisestablishment" for prefix in "abcdefgh"]
    assert compression_ratio(" ".join(words)) > 2.4
    assert check(heard(" ".join(words)), speech_s=9.0).tripped == "compression"


def test_unsure_text_trips() -> None:
    assert check(heard("well", logprob=-1.3), speech_s=1.0).tripped == "logprob"


def test_hopeless_text_is_dropped() -> None:
    assert check(heard("the", logprob=-1.7), speech_s=5.0).dropped
    assert check(heard("the", logprob=-1.1), speech_s=5.0, drop_below=-1.0).dropped
    assert not check(Hypothesis(), speech_s=5.0, drop_below=1.0).dropped


def test_unsure_text_stays_where_a_detector_hears_speech() -> None:
    assert not check(heard("the", logprob=-1.7, speech_s=0.8), speech_s=5.0).dropped
    assert check(heard("the", logprob=-1.7, speech_s=0.5), speech_s=5.0).dropped


def test_a_stock_phrase_needs_speech_that_a_detector_hears() -> None:
    music = heard("Thank you.", logprob=-0.8, speech_s=0.4)
    assert check(music, speech_s=12.0).dropped


def test_noise_needs_no_words() -> None:
    noisy = heard("only the start", speech_s=0.9)
    assert check(noisy, speech_s=6.0, stretches=[(0.0, 6.0)]).tripped == ""


def test_a_text_said_several_times_over_is_left_once() -> None:
    line = "lobsters and lobsters " * 4
    assert check(heard(line), speech_s=2.0).text == "lobsters and lobsters"


def test_cries_spelt_out_are_dropped() -> None:
    checked = check(heard("AHHHHHHH! A-A-A-A-A-A yes"), speech_s=9.0)
    assert checked.text == "yes"


def test_a_loop_within_a_word_is_dropped_and_laughter_is_not() -> None:
    checked = check(heard("са-со-со-со-со-со-со- и ха-ха-ха"), speech_s=9.0)
    assert checked.text == "и ха-ха-ха"


@pytest.mark.parametrize(
    "line",
    [
        "Thank you.",
        "Thanks for watching!",
        "Продолжение следует...",
        "Merci d'avoir regardé cette vidéo.",
    ],
)
def test_a_stock_phrase_on_little_unsure_speech_is_dropped(line: str) -> None:
    checked = check(heard(line, logprob=-0.8), speech_s=0.6)
    assert checked.dropped
    assert checked.text == ""


def test_a_stock_phrase_that_was_really_said_stays() -> None:
    assert check(heard("Thank you.", logprob=-0.1), speech_s=0.6).text == "Thank you."
    assert check(heard("Thank you.", logprob=-0.8), speech_s=2.5).text == "Thank you."


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("[BLANK_AUDIO]", ""),
        ("well (coughs) yes", "well yes"),
        ("(dog barking loudly) yes", "yes"),
        ("*laughs softly* yes.", "yes."),
        ("♪ la la ♪ yes", "yes"),
        ("♪ yes", "yes"),
        ("(and then it ended", "(and then it ended"),
        ("a [noise]. b", "a b"),
    ],
)
def test_annotations_are_dropped(line: str, kept: str) -> None:
    assert join_words(without_annotations(spoken(line))) == kept


def test_speech_that_no_word_covers_trips() -> None:
    spoken_for_6_s = [(0.3, 2.0), (2.5, 6.0)]
    assert longest_unworded_s((), spoken_for_6_s) == pytest.approx(5.2)
    early = heard("only the start")
    checked = check(early, speech_s=5.2, stretches=spoken_for_6_s)
    assert checked.tripped == "unworded"
    assert checked.text == "only the start"


def test_a_pause_needs_no_words() -> None:
    words = (*spoken("well"), Word("then", 5.0, 5.5, 0.9))
    assert longest_unworded_s(words, [(0.0, 0.5), (4.8, 5.6)]) < 0.31
    assert longest_unworded_s(words, []) == 0.0


def test_silence_is_sound() -> None:
    assert check(Hypothesis(), speech_s=1.0).tripped == ""
