from dataclasses import replace

import pytest

from scripts.bench.audio import SpeechBounds
from scripts.bench.costs import FinalWaits
from scripts.bench.scores import (
    ClipRun,
    ClipScore,
    Spread,
    score_clip,
    score_languages,
    score_set,
    score_sets,
)
from scripts.bench.timeline import Timeline
from tests.scripts.bench.lines import clip, final, shown


BOUNDS = SpeechBounds(0.5, 1.5)


def score(said: str, heard: str, offline: str | None = None) -> ClipScore:
    timeline = Timeline(
        shown=(shown(1.0, heard, heard),), settled=(final(2.0, heard),), closed_s=3.0
    )
    return score_clip(ClipRun(clip(said=said), BOUNDS, timeline), offline)


def invented(heard: str) -> ClipScore:
    timeline = Timeline(settled=(final(2.0, heard),))
    return score_clip(ClipRun(clip(language="none", said=""), None, timeline))


def test_a_set_has_the_error_rate_of_all_its_words() -> None:
    found = score_set([score("a b c", "a b c"), score("d", "x")], 0.6)
    assert (found.wer, found.clips, found.loops) == (25.0, 2, 0)


def test_the_difference_to_offline_is_in_points() -> None:
    found = score_set([score("a b c d", "a b x y", offline="a b c y")], 0.6)
    assert (found.offline_wer, found.dwer) == (25.0, 25.0)


def test_offline_texts_of_some_clips_are_no_reference() -> None:
    found = score_set([score("a", "a", offline="a"), score("b", "b")], 0.6)
    assert (found.offline_wer, found.dwer) == (None, None)


def test_a_text_half_as_long_again_has_looped() -> None:
    assert score("a b", "a b a b").is_loop
    assert not score("a b", "a b c").is_loop


def test_speech_without_text_is_counted() -> None:
    found = score_set([score("a", "")], 0.6)
    assert (found.silent_clips, found.final_s.count) == (1, 0)


def test_words_where_nobody_speaks_are_invented_and_nothing_else() -> None:
    found = score_set([invented("Thank you."), invented("")], 0.6)
    assert (found.invented_words, found.flashed_words) == (2, 2)
    assert (found.wer, found.erasure, found.word_s.p50) == (None, None, None)


def test_a_server_without_partials_has_no_steadiness() -> None:
    timeline = Timeline(settled=(final(2.0, "a"),))
    found = score_set([score_clip(ClipRun(clip(said="a"), BOUNDS, timeline))], 0.6)
    assert (found.erasure, found.upwr) == (None, None)
    assert score_set([score("a", "a")], 0.6).erasure == 0.0


def test_delays_are_split_by_the_endpoint() -> None:
    found = score_set([score("a", "a")], 0.6)
    assert found.speech_end_to_final_s.p50 == 0.5
    assert found.after_endpoint_s.p50 == pytest.approx(0.2)
    assert found.stable_wrong_percent == 0.0


def test_sets_and_languages_are_scored_apart() -> None:
    found = score_sets([score("a", "a"), invented("b"), score("c", "c")], 0.6)
    assert [(part.language, part.clips) for part in found] == [("en", 2), ("none", 1)]


def test_what_finals_waited_for_is_spread_over_clips() -> None:
    runs = [
        ClipRun(
            clip(said="a"),
            BOUNDS,
            Timeline(settled=(final(2.0, "a"),)),
            waits=FinalWaits(0.6, queue_s, 0.25, 1),
        )
        for queue_s in (0.0, 0.5)
    ]
    found = score_set([score_clip(run) for run in runs], 0.6)
    assert (found.queue_s.p50, found.queue_s.count) == (0.25, 2)
    assert found.decode_s == Spread(0.25, 0.25, 2)


def test_a_language_with_several_sets_has_a_total() -> None:
    other = replace(score("b", "x"), set="other")
    (total,) = score_languages([score("a", "a"), other, invented("c")], 0.6)
    assert (total.set, total.language, total.wer) == ("all", "en", 50.0)


def test_a_spread_leaves_out_what_is_missing() -> None:
    found = Spread.of([None, 1.0, 3.0])
    assert (found.p50, found.count) == (2.0, 2)
    assert found.p95 == pytest.approx(2.9)
    assert Spread.of([None]) == Spread(None, None, 0)
