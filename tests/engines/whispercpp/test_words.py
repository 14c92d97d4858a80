import math
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whispercpp_ws.engines.whispercpp.words import (
    Piece,
    in_order,
    is_punctuation,
    with_spread_times,
    without_pauses,
    words_from_pieces,
)
from whispercpp_ws.transcript import Word, join_words


def texts_of(*tokens: bytes) -> list[str]:
    return [word.text for word in words_from_pieces(Piece(t, -0.1) for t in tokens)]


def cut(text: str, size: int) -> list[bytes]:
    """Cut UTF-8 into runs of bytes, but like a tokenizer before every space."""
    pieces: list[bytes] = []
    for word in text.replace(" ", "\0 ").split("\0"):
        data = word.encode()
        pieces += [data[i : i + size] for i in range(0, len(data), size)]
    return pieces


def test_a_word_starts_at_a_token_that_starts_with_a_space() -> None:
    assert texts_of(b" Amer", b"icans", b",", b" ask") == ["Americans,", "ask"]


def test_the_first_word_needs_no_space() -> None:
    assert texts_of(b"And", b" so") == ["And", "so"]


def test_a_character_split_over_tokens_is_joined_before_it_is_decoded() -> None:
    assert texts_of(b" \xd0", b"\x9f\xd1\x80\xd0", b"\xb8", b" \xd1\x8f") == [
        "При",
        "я",
    ]


def test_a_character_cut_off_at_the_end_is_dropped() -> None:
    assert texts_of(b" ok", b" \xd0\xb0\xd0") == ["ok", "а"]


def test_a_word_that_is_only_half_a_character_is_dropped() -> None:
    assert texts_of(b" ok", b" \xd0") == ["ok"]


def test_bytes_that_are_no_utf8_become_replacement_characters() -> None:
    assert texts_of(b" a\xff\xfeb") == ["a\ufffd\ufffdb"]


def test_blank_tokens_make_no_word() -> None:
    assert texts_of(b" ", b" a", b"  ") == ["a"]


def test_japanese_gives_a_word_per_character_and_keeps_punctuation() -> None:
    tokens = cut("今日は、Python3です。", 2)
    expected = ["今", "日", "は、", "Python3", "で", "す。"]
    assert texts_of(*tokens) == expected


def test_a_space_inside_unspaced_text_is_not_a_word() -> None:
    assert texts_of("今".encode(), b" a ", "日".encode()) == ["今", "a", "日"]


@given(st.lists(st.text("abcжщ今日カ。é🎉", min_size=1), max_size=8), st.integers(1, 5))
def test_any_cut_of_the_bytes_gives_the_same_words(words: list[str], size: int) -> None:
    line = " " + " ".join(words)
    assert texts_of(*cut(line, size)) == texts_of(*cut(line, 10_000))


@given(st.lists(st.text("今日カな。漢", min_size=1, max_size=9), max_size=4))
def test_words_of_unspaced_text_join_to_the_text(parts: list[str]) -> None:
    text = "".join(parts)
    assert join_words(words_from_pieces([Piece(text.encode(), -0.1)])) == text


def test_confidence_is_the_geometric_mean_of_the_tokens() -> None:
    pieces = [Piece(b" a", math.log(0.9)), Piece(b"b", math.log(0.4))]
    [word] = words_from_pieces(pieces)
    assert word.confidence == pytest.approx(0.6)


def test_a_word_lasts_from_its_first_token_to_its_last() -> None:
    pieces = [Piece(b" a", -0.1, 1.0, 1.5), Piece(b"b", -0.1, 1.5, 2.0)]
    [word] = words_from_pieces(pieces)
    assert (word.start_s, word.end_s) == (1.0, 2.0)


def test_characters_of_one_token_share_its_time() -> None:
    first, second = words_from_pieces([Piece("今日".encode(), -0.1, 1.0, 2.0)])
    assert (first.end_s, second.start_s) == (1.5, 1.5)


def test_spread_times_are_in_proportion_to_characters() -> None:
    words = with_spread_times([Word("a", 0, 0, 1), Word("bcd", 0, 0, 1)], 4.0)
    assert [(word.start_s, word.end_s) for word in words] == [(0, 1), (1, 4)]


def test_no_words_spread_to_no_words() -> None:
    assert with_spread_times([], 4.0) == ()


def test_a_word_does_not_own_the_pause_before_it() -> None:
    [word] = without_pauses([Word("ask", 2.32, 3.82, 1.0)])
    assert word.start_s == pytest.approx(3.41)


def test_a_word_without_a_pause_keeps_its_start() -> None:
    assert without_pauses([Word("ask", 3.6, 3.82, 1.0)])[0].start_s == 3.6


@given(st.lists(st.tuples(st.floats(-1, 9), st.floats(-1, 9)), max_size=9))
def test_times_in_order_never_go_back_nor_leave_the_window(
    spans: list[tuple[float, float]],
) -> None:
    words = in_order([Word("a", start, end, 1.0) for start, end in spans], 5.0)
    times = [time for word in words for time in (word.start_s, word.end_s)]
    assert times == sorted(times)
    assert all(0 <= time <= 5 for time in times)


@pytest.mark.parametrize("text", [",", " ...", "。", "?!"])
def test_a_token_of_punctuation_is_told_from_text(text: str) -> None:
    assert is_punctuation(text.encode())


@pytest.mark.parametrize("data", [b"", b" ", b" a,", b"\xd0"])
def test_other_tokens_are_not_punctuation(data: bytes) -> None:
    assert not is_punctuation(data)


def test_every_ascii_mark_but_the_mathematical_is_punctuation() -> None:
    marks = set(string.punctuation) - set("$+<=>^`|~")
    assert all(is_punctuation(mark.encode()) for mark in marks)
