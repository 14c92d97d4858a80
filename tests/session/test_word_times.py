import pytest

from whispercpp_ws.session.word_times import out_of_silence
from whispercpp_ws.transcript import Word


PAUSE = (1.0, 1.5)


def word(text: str, start_s: float, end_s: float) -> Word:
    return Word(text, start_s, end_s, 0.9)


@pytest.mark.parametrize(
    ("start_s", "end_s", "moved"),
    [
        (0.5, 1.2, (0.5, 1.0)),
        (1.3, 2.0, (1.5, 2.0)),
        (0.9, 2.0, (1.5, 2.0)),
        (1.1, 1.4, (1.1, 1.4)),
        (0.2, 0.9, (0.2, 0.9)),
    ],
)
def test_a_word_is_moved_out_of_silence_to_its_longer_side(
    start_s: float, end_s: float, moved: tuple[float, float]
) -> None:
    (found,) = out_of_silence([word("a", start_s, end_s)], [PAUSE])
    assert (found.start_s, found.end_s) == moved


def test_a_short_silence_is_part_of_a_word() -> None:
    said = (word("attic", 0.0, 0.5),)
    assert out_of_silence(said, [(0.2, 0.35)]) == said
