import pytest

from tests.session.words import heard
from whispercpp_ws.decoding import SAMPLE_RATE
from whispercpp_ws.events import SessionOptions
from whispercpp_ws.session.endpoint import Span
from whispercpp_ws.session.finals import (
    final_of,
    is_doubtful,
    take_decode,
    words_of,
)
from whispercpp_ws.session.planner import Asked, Purpose
from whispercpp_ws.session.utterance import Part, Utterance
from whispercpp_ws.transcript import join_words


def utterance(*starts_s: float, end_s: float) -> Utterance:
    """Make an utterance that is over, with a part from each start to the next."""
    ends = [*starts_s[1:], end_s]
    span = Span(0, round(end_s * SAMPLE_RATE), round(end_s * 50))
    parts = [
        Part(
            round(start * SAMPLE_RATE),
            start,
            round(end * SAMPLE_RATE),
            voiced_until_s=end,
        )
        for start, end in zip(starts_s, ends, strict=True)
    ]
    return Utterance(1, SessionOptions(language="en"), span, parts)


def asked(about: Utterance, index: int = 0, *, context_s: float = 0.0) -> Asked:
    part = about.parts[index]
    start = part.start - round(context_s * SAMPLE_RATE)
    return Asked(Purpose.FINAL, about, part, start, part.end or 0, True)


def test_the_text_of_all_parts_is_one_final_with_times_of_the_session() -> None:
    said = utterance(0.0, 2.0, end_s=4.0)
    assert take_decode(asked(said, 0), heard("one two"))
    assert said.undecoded_part is said.parts[1]
    assert take_decode(asked(said, 1), heard("three"))
    final = final_of(said, assumed_language="en")
    assert (final.text, join_words(words_of(said))) == (
        "one two three",
        "one two three",
    )
    assert [word.start_s for word in final.words or ()] == [0.0, 0.4, 2.0]


def test_a_part_that_says_nothing_leaves_the_others() -> None:
    said = utterance(0.0, 2.0, end_s=4.0)
    take_decode(asked(said, 0), heard("one"))
    take_decode(asked(said, 1), heard("the", logprob=-2.0))
    assert join_words(words_of(said)) == "one"


def test_confidence_weighs_parts_by_their_tokens() -> None:
    said = utterance(0.0, 2.0, end_s=4.0)
    take_decode(asked(said, 0), heard("one two three", logprob=0.0))
    take_decode(asked(said, 1), heard("four", logprob=-0.4))
    assert 0.90 < final_of(said, assumed_language="en").confidence < 0.91


def test_a_tripped_guard_asks_once_more() -> None:
    said = utterance(0.0, end_s=2.0)
    assert not take_decode(asked(said), heard("no no no no"))
    assert said.parts[0].retried
    assert take_decode(asked(said), heard("no no no no no"))
    assert (join_words(words_of(said)), is_doubtful(said)) == ("no", True)


def test_what_was_surely_said_is_not_decoded_again_for_being_unsure() -> None:
    said = utterance(0.0, end_s=2.0)
    assert take_decode(asked(said), heard("first", logprob=-1.1, speech_s=1.0))
    assert (join_words(words_of(said)), is_doubtful(said)) == ("first", True)


@pytest.mark.parametrize("speech_s", [None, 0.5])
def test_what_may_not_have_been_said_is_decoded_again_for_being_unsure(
    speech_s: float | None,
) -> None:
    said = utterance(0.0, end_s=2.0)
    first, second = (
        heard(text, logprob=logprob, speech_s=speech_s)
        for text, logprob in (("first", -1.1), ("second", -1.05))
    )
    assert not take_decode(asked(said), first)
    assert take_decode(asked(said), second)
    assert join_words(words_of(said)) == ""


def test_a_second_decode_that_is_sound_is_kept() -> None:
    said = utterance(0.0, end_s=2.0)
    take_decode(asked(said), heard("first", logprob=-1.1))
    take_decode(asked(said), heard("second", logprob=-0.3))
    assert (join_words(words_of(said)), is_doubtful(said)) == ("second", False)


def test_words_of_the_context_are_left_out() -> None:
    said = utterance(1.0, end_s=3.0)
    assert take_decode(asked(said, context_s=0.8), heard("before it three four"))
    final = final_of(said, assumed_language="en")
    assert final.text == "three four"
    assert [round(word.start_s, 6) for word in final.words or ()] == [1.0, 1.4]


def test_a_loop_in_the_context_has_the_part_decoded_alone() -> None:
    said = utterance(1.0, end_s=3.0)
    assert not take_decode(asked(said, context_s=0.8), heard("a b c d a b c d"))
    assert said.parts[0].retried
