import numpy as np
import pytest

from scripts.bench.audio import LEAD_S
from scripts.bench.pauses import (
    EdgeErrors,
    Mark,
    Pause,
    absolute_percentiles,
    edge_errors,
    find_pauses,
    in_silence,
)
from tests.scripts.bench.lines import sound
from whispercpp_ws.transcript import Word


RATE = 16_000
PAUSE = Pause(1.0, 1.5)


def noise(seconds: float) -> bytes:
    loud = np.random.default_rng(1).normal(0, 3_000, round(seconds * RATE))
    return loud.astype("<i2").tobytes()


def silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * RATE))


def word(text: str, start_s: float, end_s: float) -> Word:
    return Word(text, start_s, end_s, 0.9)


def test_silences_between_sounds_are_pauses() -> None:
    pcm = silence(0.4) + noise(1.0) + silence(0.5) + noise(1.0) + silence(0.4)
    (found,) = find_pauses(sound(pcm))
    assert found.start_s == pytest.approx(LEAD_S + 1.4, abs=0.021)
    assert found.end_s == pytest.approx(LEAD_S + 1.9, abs=0.021)


def test_a_pause_too_short_is_a_plosive() -> None:
    pcm = noise(1.0) + silence(0.1) + noise(1.0)
    assert find_pauses(sound(pcm)) == ()
    assert len(find_pauses(sound(pcm), least_s=0.1)) == 1


def test_a_click_does_not_divide_a_pause() -> None:
    pcm = noise(1.0) + silence(0.3) + noise(0.02) + silence(0.3) + noise(1.0)
    (found,) = find_pauses(sound(pcm))
    assert found.end_s - found.start_s == pytest.approx(0.62, abs=0.03)


def test_silence_has_no_pauses() -> None:
    assert find_pauses(sound(silence(2.0))) == ()


def test_words_at_a_pause_are_compared_with_its_edges() -> None:
    words = [word("One", 0.2, 0.5), word("two,", 0.5, 1.1), word("three", 1.4, 1.8)]
    found = edge_errors(words, [Mark(PAUSE, ("one", "two"), ("three", "four"))])
    assert found.ends == pytest.approx((0.1,))
    assert found.starts == pytest.approx((-0.1,))


def test_words_are_found_by_their_text_and_not_by_their_times() -> None:
    # All three lie before the pause; still the second is the word before it.
    words = [word("one", 0.0, 0.1), word("two", 0.1, 0.2), word("three", 0.2, 0.3)]
    found = edge_errors(words, [Mark(PAUSE, ("one", "two"), ("three",))])
    assert found.ends == pytest.approx((-0.8,))
    assert found.starts == pytest.approx((-1.3,))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("one", "too"), ("three",)),
        (("one", "two"), ("tree",)),
        (("one",), ("three",)),
        ((), ("one",)),
    ],
)
def test_a_pause_on_whose_words_the_texts_differ_does_not_count(
    before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    words = [word("one", 0.0, 0.5), word("two", 0.5, 1.0), word("three", 1.5, 2.0)]
    assert edge_errors(words, [Mark(PAUSE, before, after)]) == EdgeErrors()


def test_a_word_said_in_silence_is_counted() -> None:
    words = [word("a", 0.8, 1.0), word("b", 1.0, 1.4), word("c", 1.4, 1.9)]
    assert in_silence(words, [PAUSE]) == 1


def test_errors_are_spread_without_their_signs() -> None:
    assert absolute_percentiles([-0.1, 0.1, 0.1])[0] == pytest.approx(0.1)
    assert np.isnan(absolute_percentiles([])).all()
