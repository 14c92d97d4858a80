import ctypes
from collections.abc import Sequence
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whispercpp_ws.engines.whispercpp.ending import CLOSE, COPIED_TOKENS, RepeatStop
from whispercpp_ws.engines.whispercpp.structs import TokenData


END = 100
SENTENCE = list(range(10, 22))


def decode(wanted: Sequence[int], behind: dict[int, float]) -> tuple[list[int], int]:
    """
    Decode greedily with a stop; `behind` says how far the end is behind, by index.

    Returns the tokens until the end of text, and how many of them are text.
    """
    stop = RepeatStop(END)
    said: list[int] = []
    for index, token in enumerate(wanted):
        logits = (ctypes.c_float * (END + 1))()
        logits[token] = 20.0
        logits[END] = 20.0 - behind.get(index, 10.0)
        tokens = (TokenData * len(said))(*(TokenData(id=one) for one in said))
        stop.filter(tokens, ctypes.cast(logits, ctypes.POINTER(ctypes.c_float)))
        best = max(range(END + 1), key=lambda one: logits[one])
        assert stop.is_over is (best == END)
        if best == END:
            break
        said.append(best)
    text = len(said) if stop.text_tokens is None else stop.text_tokens
    return said, text


def test_a_sentence_said_again_where_it_could_have_ended_is_stopped_and_left_out() -> (
    None
):
    said, text = decode(SENTENCE * 3, {12: 2.8, 24: 2.8})
    assert said[:text] == SENTENCE
    assert len(said) == len(SENTENCE) + COPIED_TOKENS


def test_a_copy_inside_of_a_sentence_is_kept() -> None:
    assert decode(SENTENCE * 2, {}) == (SENTENCE * 2, 24)


def test_sentences_that_begin_alike_are_kept() -> None:
    press = [1, 2, 3]
    text = [*press, *range(30, 40), *press, *range(50, 60)]
    assert decode(text, {13: 1.0}) == (text, len(text))


def test_a_short_sentence_said_twice_is_kept() -> None:
    assert decode([1, 2, 3] * 2, {3: 1.0}) == ([1, 2, 3] * 2, 6)


def test_a_short_sentence_said_without_end_is_stopped() -> None:
    said, text = decode([1, 2, 3] * 20, dict.fromkeys(range(3, 60, 3), 1.0))
    assert (said[:text], len(said)) == ([1, 2, 3], 3 + COPIED_TOKENS)


def test_a_loop_at_the_end_leaves_what_was_said_before_it() -> None:
    before = list(range(60, 80))
    said, text = decode(before + SENTENCE * 3, {20: 1.0, 32: 2.0})
    assert said[:text] == before + SENTENCE


@pytest.mark.parametrize("behind", [CLOSE + 0.1, 12.0])
def test_a_copy_where_the_text_could_not_end_is_kept(behind: float) -> None:
    assert decode(SENTENCE * 2, {12: behind}) == (SENTENCE * 2, 24)


@given(
    tokens=st.lists(st.integers(0, 5), max_size=40),
    close=st.sets(st.integers(0, 40)),
)
def test_what_is_kept_is_always_a_beginning_of_what_would_have_been_said(
    tokens: list[int], close: set[int]
) -> None:
    said, text = decode(tokens, dict.fromkeys(close, 1.0))
    assert said == list(islice(tokens, len(said)))
    assert text <= len(said)
    assert said == tokens or len(said) - text >= COPIED_TOKENS
