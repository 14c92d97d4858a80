"""Read the result of a state's last decode: tokens, words and times."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from whispercpp_ws.engines.whispercpp.binding import LibWhisper
from whispercpp_ws.engines.whispercpp.blas import Blas
from whispercpp_ws.engines.whispercpp.flops import UNKNOWN_SHAPE, EncoderShape
from whispercpp_ws.engines.whispercpp.spectrogram import Spectrograms
from whispercpp_ws.engines.whispercpp.structs import TokenData
from whispercpp_ws.engines.whispercpp.tokenizer import Tokenizer
from whispercpp_ws.engines.whispercpp.words import (
    Piece,
    in_order,
    is_punctuation,
    with_spread_times,
    without_pauses,
    words_from_pieces,
)
from whispercpp_ws.transcript import Hypothesis, Segment, Word, join_words


_TICK_S = 0.01
"""Unit of libwhisper's times."""

_ENGLISH_VOCABULARY = 51_864
_TOKENS_BESIDE_LANGUAGES = 51_766
"""n_vocab of a multilingual model less the number of its languages."""


@dataclass(frozen=True, slots=True)
class Model:
    """What the lanes of an engine share; nothing in it changes."""

    lib: LibWhisper
    context: int
    spectrograms: Spectrograms
    tokenizer: Tokenizer
    languages: tuple[str, ...]
    """Codes by id, as many as the model knows."""
    aligned: bool
    """Whether decodes give word end times (DTW)."""
    encoder: EncoderShape = UNKNOWN_SHAPE
    blas: Blas | None = None
    """What computes the large products of encodes, if not libwhisper's own kernels."""

    @classmethod
    def of(
        cls,
        lib: LibWhisper,
        context: int,
        *,
        spectrograms: Spectrograms,
        aligned: bool,
        encoder: EncoderShape = UNKNOWN_SHAPE,
        blas: Blas | None = None,
    ) -> "Model":
        """Describe a loaded context."""
        return cls(
            lib,
            context,
            spectrograms,
            Tokenizer(lib, context),
            _languages(lib, context),
            aligned,
            encoder,
            blas,
        )


def read_hypothesis(
    model: Model,
    state: int,
    *,
    seconds: float,
    language: tuple[str, float],
    text_tokens: int | None = None,
) -> Hypothesis:
    """
    Read the decode of one window of `seconds`, in a language of a probability.

    `text_tokens` is where a copy of the text begins, when one does.
    """
    tokens = _text_tokens(model, state, range(model.lib.segment_count(state)))
    tokens = tokens[:text_tokens]
    words = _window_words(model, tokens, seconds)
    return Hypothesis(
        text=join_words(words),
        words=words,
        language=language[0],
        language_probability=language[1],
        token_count=len(tokens),
        mean_logprob=sum(token.plog for token in tokens) / max(len(tokens), 1),
        looped=text_tokens is not None,
    )


def read_segments(model: Model, state: int, first: int) -> list[Segment]:
    """Read the segments from index `first` on, with word times from the tokens."""
    count = model.lib.segment_count(state)
    return [_segment(model, state, index) for index in range(first, count)]


def _text_tokens(model: Model, state: int, segments: range) -> list[TokenData]:
    return [
        token
        for segment in segments
        for token in model.lib.tokens(state, segment)
        if model.tokenizer.is_text(token.id)
    ]


def _window_words(
    model: Model, tokens: Sequence[TokenData], seconds: float
) -> tuple[Word, ...]:
    if not model.aligned:
        pieces = (_piece(model, token, 0.0, 0.0) for token in tokens)
        return with_spread_times(words_from_pieces(pieces), seconds)
    words = words_from_pieces(_aligned_pieces(model, tokens))
    return in_order(without_pauses(words), seconds)


def _aligned_pieces(model: Model, tokens: Sequence[TokenData]) -> Iterator[Piece]:
    """Give each token the time from the end of the one before it to its own."""
    start_s = 0.0
    for token in tokens:
        piece = _piece(model, token, start_s, max(start_s, token.t_dtw * _TICK_S))
        if is_punctuation(piece.data):
            # A comma is aligned to the whole pause, and often to the next word.
            piece = replace(piece, end_s=start_s)
        yield piece
        start_s = piece.end_s


def _piece(model: Model, token: TokenData, start_s: float, end_s: float) -> Piece:
    data = model.tokenizer.token_bytes(token.id)
    return Piece(data, token.plog, start_s, end_s)


def _segment(model: Model, state: int, index: int) -> Segment:
    times = model.lib.segment_times(state, index)
    start_s, end_s = (max(0, ticks) * _TICK_S for ticks in times)
    pieces = (
        _piece(model, token, token.t0 * _TICK_S, token.t1 * _TICK_S)
        for token in _text_tokens(model, state, range(index, index + 1))
    )
    words = in_order(words_from_pieces(pieces), end_s)
    return Segment(join_words(words), start_s, end_s, words)


def _languages(lib: LibWhisper, context: int) -> tuple[str, ...]:
    vocabulary = lib.vocabulary_size(context)
    if vocabulary <= _ENGLISH_VOCABULARY:
        return ("en",)
    return tuple(lib.language_codes()[: vocabulary - _TOKENS_BESIDE_LANGUAGES])
