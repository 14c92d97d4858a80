"""
Words out of tokens: bytes first, text second, times last.

A token is a run of bytes, not of characters: 1,476 of Whisper's tokens are no UTF-8
by themselves, so bytes are joined per word before they are decoded.
"""

import codecs
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import exp
from statistics import fmean
from typing import NamedTuple
from unicodedata import category

from whispercpp_ws.transcript import Word, is_unspaced


LONGEST_PAUSELESS_WORD_S = 0.2
"""With `SECONDS_PER_CHARACTER`, the longest span a word is believed to have."""
SECONDS_PER_CHARACTER = 0.07
"""Slow, clear speech; what a span has beyond it is the pause before the word."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One text token of a decode; times are seconds from the window's start."""

    data: bytes
    logprob: float
    start_s: float = 0.0
    end_s: float = 0.0


class _Character(NamedTuple):
    text: str
    start_s: float
    end_s: float
    pieces: range
    """Indices of the pieces whose bytes it is made of."""


def words_from_pieces(pieces: Iterable[Piece]) -> list[Word]:
    """
    Join tokens into words, each with its tokens' span and mean probability.

    A word starts at a token that starts with a space; scripts without spaces give a
    word per character. Bytes of a character that was cut off are dropped.
    """
    words: list[Word] = []
    for group in _split_at_spaces(pieces):
        for characters in _split_unspaced(_characters(group)):
            word = _word(characters, group)
            if word.text:
                words.append(word)
    return words


def with_spread_times(words: Sequence[Word], seconds: float) -> tuple[Word, ...]:
    """Give words times in proportion to their characters, over the whole window."""
    total = sum(len(word.text) for word in words)
    spread, done = [], 0
    for word in words:
        start_s = seconds * done / total
        done += len(word.text)
        end_s = seconds * done / total
        spread.append(replace(word, start_s=start_s, end_s=end_s))
    return tuple(spread)


def without_pauses(words: Sequence[Word]) -> list[Word]:
    """
    Move starts so that a word does not own the pause before it.

    For times from dynamic time warping, where each word lasts from the end of the
    word before it to its own end.
    """
    return [
        replace(word, start_s=max(word.start_s, word.end_s - _longest_s(word.text)))
        for word in words
    ]


def in_order(words: Sequence[Word], seconds: float) -> tuple[Word, ...]:
    """Clip times to the window and to each other: starts and ends never go back."""
    ordered, edge_s = [], 0.0
    for word in words:
        start_s = min(max(word.start_s, edge_s), seconds)
        edge_s = min(max(word.end_s, start_s), seconds)
        ordered.append(replace(word, start_s=start_s, end_s=edge_s))
    return tuple(ordered)


def is_punctuation(data: bytes) -> bool:
    """Tell whether a token is nothing but punctuation."""
    text = data.decode("utf-8", "replace").strip()
    return bool(text) and all(map(_is_punctuation, text))


def _longest_s(text: str) -> float:
    return LONGEST_PAUSELESS_WORD_S + SECONDS_PER_CHARACTER * len(text)


def _split_at_spaces(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    group: list[Piece] = []
    for piece in pieces:
        if group and piece.data.startswith(b" "):
            yield group
            group = []
        group.append(piece)
    if group:
        yield group


def _characters(group: Sequence[Piece]) -> list[_Character]:
    """Decode a group; a character belongs to the pieces since the one before it."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    characters: list[_Character] = []
    first = 0
    for index, piece in enumerate(group):
        text = decoder.decode(piece.data)
        if text:
            span = (group[first].start_s, piece.end_s)
            characters += _spread_characters(text, span, range(first, index + 1))
            first = index + 1
    return characters


def _spread_characters(
    text: str, span: tuple[float, float], pieces: range
) -> Iterator[_Character]:
    start_s, end_s = span
    step_s = (end_s - start_s) / len(text)
    for index, character in enumerate(text):
        at_s = start_s + index * step_s
        yield _Character(character, at_s, at_s + step_s, pieces)


def _split_unspaced(characters: Iterable[_Character]) -> Iterator[list[_Character]]:
    word: list[_Character] = []
    for character in characters:
        if word and _starts_word(word[-1].text, character.text):
            yield word
            word = []
        word.append(character)
    if word:
        yield word


def _starts_word(before: str, character: str) -> bool:
    if _is_punctuation(character):
        return False
    return is_unspaced(before) or is_unspaced(character)


def _is_punctuation(character: str) -> bool:
    return category(character).startswith("P")


def _word(characters: Sequence[_Character], group: Sequence[Piece]) -> Word:
    indices = sorted({index for one in characters for index in one.pieces})
    return Word(
        text="".join(one.text for one in characters).strip(),
        start_s=characters[0].start_s,
        end_s=characters[-1].end_s,
        confidence=min(1.0, exp(fmean(group[index].logprob for index in indices))),
    )
