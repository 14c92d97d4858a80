import pytest

from scripts.bench.audio import SpeechBounds
from scripts.bench.metrics import (
    final_delays,
    first_partial,
    most_shown_words,
    speech_end_to_final_s,
    stability,
    word_latencies_s,
)
from scripts.bench.timeline import SpeechMark, Timeline
from tests.scripts.bench.lines import final, shown


BOUNDS = SpeechBounds(0.8, 2.0)


def test_the_first_partial_counts_from_the_first_sound() -> None:
    timeline = Timeline(shown=(shown(1.5, "one"),), settled=(final(3.0, "one two"),))
    assert first_partial(timeline, BOUNDS, lead_s=0.5).after_speech_s == 0.7


def test_the_first_partial_counts_from_the_clip_and_the_servers_start() -> None:
    timeline = Timeline(
        speech=(SpeechMark(1.0, True, 0.75),),
        shown=(shown(1.5, "one"),),
        settled=(final(3.0, "one two"),),
    )
    first = first_partial(timeline, None, lead_s=0.5)
    assert (first.after_clip_s, first.after_server_start_s) == (1.0, 0.75)
    assert first.after_speech_s is None


def test_a_first_partial_without_a_word_of_the_final_does_not_count() -> None:
    timeline = Timeline(
        shown=(shown(1.0, "won"), shown(1.5, "one")), settled=(final(3.0, "One."),)
    )
    assert first_partial(timeline, BOUNDS, lead_s=0.5).after_clip_s == 1.0


def test_without_partials_there_is_no_first_one() -> None:
    timeline = Timeline(settled=(final(3.0, "one"),))
    assert first_partial(timeline, BOUNDS, lead_s=0.5).after_clip_s is None


def test_a_word_counts_from_its_end_to_the_partial_that_kept_it() -> None:
    timeline = Timeline(
        shown=(shown(0.75, "one"), shown(1.5, "one two")),
        settled=(final(3.0, "One, two."),),
    )
    assert word_latencies_s(timeline) == (0.25, 0.5)


def test_a_word_that_went_away_counts_from_its_return() -> None:
    timeline = Timeline(
        shown=(shown(1.0, "one"), shown(2.0, "on"), shown(2.5, "one")),
        settled=(final(3.0, "one"),),
    )
    assert word_latencies_s(timeline) == (1.5,)


def test_a_word_no_partial_had_counts_to_its_final() -> None:
    timeline = Timeline(shown=(shown(1.0, "won"),), settled=(final(3.0, "one"),))
    assert word_latencies_s(timeline) == (2.0,)


def test_partials_of_another_utterance_show_no_word() -> None:
    timeline = Timeline(
        shown=(shown(1.0, "one", utterance=2),), settled=(final(3.0, "one"),)
    )
    assert word_latencies_s(timeline) == (2.0,)


def test_a_finals_delay_is_split_into_endpoint_and_rest() -> None:
    (delay,) = final_delays(Timeline(settled=(final(2.0, "one", end_s=1.125),)))
    assert delay.total_s == 0.875
    assert delay.after_endpoint_s(0.6) == pytest.approx(0.2)
    assert delay.transport_s == pytest.approx(0.075)


def test_an_empty_final_is_no_final() -> None:
    timeline = Timeline(settled=(final(2.5, "one"), final(9.0, "", utterance=2)))
    assert len(final_delays(timeline)) == 1
    assert speech_end_to_final_s(timeline, BOUNDS) == 0.5


def test_without_a_final_there_is_no_delay() -> None:
    assert speech_end_to_final_s(Timeline(), BOUNDS) is None


def test_every_word_behind_the_first_change_is_erased() -> None:
    timeline = Timeline(
        shown=(shown(1.0, "a b c"), shown(2.0, "a x c")), settled=(final(3.0, "a x c"),)
    )
    found = stability(timeline)
    assert (found.erased_words, found.changed_words, found.final_words) == (2, 1, 3)


def test_case_and_punctuation_are_no_change() -> None:
    timeline = Timeline(
        shown=(shown(1.0, "it's fine"),), settled=(final(2.0, "It’s fine."),)
    )
    assert stability(timeline).erased_words == 0


def test_growing_stable_text_is_not_retracted() -> None:
    texts = (shown(1.0, "a b", "a"), shown(2.0, "a b", "a b"))
    found = stability(Timeline(shown=texts, settled=(final(3.0, "a b"),)))
    assert (found.stable_retractions, found.stable_words, found.stable_wrong) == (
        0,
        2,
        0,
    )


def test_stable_text_that_shrinks_or_turns_is_retracted() -> None:
    stables = ("a b", "a", "x")
    texts = tuple(shown(n, "", stable) for n, stable in enumerate(stables))
    assert stability(Timeline(shown=texts)).stable_retractions == 2


def test_stable_words_the_final_lacks_are_wrong() -> None:
    texts = (shown(1.0, "a b c", "a b"),)
    found = stability(Timeline(shown=texts, settled=(final(2.0, "a c"),)))
    assert found.stable_wrong == 1


def test_an_utterance_without_a_final_erases_all_it_showed() -> None:
    found = stability(Timeline(shown=(shown(1.0, "a b c", "a"),)))
    assert (found.erased_words, found.stable_wrong, found.final_words) == (3, 1, 0)


def test_words_that_flashed_up_are_counted_at_their_most() -> None:
    timeline = Timeline(
        shown=(shown(1.0, "thank you all"), shown(2.0, "thank")),
        settled=(final(3.0, "", utterance=1), final(4.0, "you", utterance=2)),
    )
    assert most_shown_words(timeline) == 4


def test_a_finals_endpoint_is_when_the_server_says_that_speech_ended() -> None:
    timeline = Timeline(
        speech=(
            SpeechMark(0.5, True, 0.25),
            SpeechMark(1.75, False, 1.125),
            SpeechMark(4.0, False, 3.0),
        ),
        settled=(final(2.0, "one", end_s=1.127), final(4.5, "two", end_s=3.5)),
    )
    first, second = final_delays(timeline)
    assert first.endpoint_s == pytest.approx(1.75 - 1.127)
    assert second.endpoint_s is None
