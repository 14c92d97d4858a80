"""Stop a decode that says the same once more instead of ending."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from whispercpp_ws.engines.whispercpp.structs import TokenData


CLOSE = 4.0
"""How far the logit of the end may lie below the best where a text could have ended. It
was 0.1 to 3.3 behind there and 7 to 17 inside of sentences."""

COPIED_TOKENS = 8
"""Tokens said again in the same order, from where the text could have ended, that make
a loop. "Press one for ... Press two for ..." shares 3."""


class RepeatStop:
    """
    Watch one decode, and end it when a copy of what was said is under way.

    On a trimmed window the decoder often repeats a sentence, up to the most tokens
    allowed, where it should end: one window in six did.
    """

    def __init__(self, end_of_text: int) -> None:
        self.text_tokens: int | None = None
        """Tokens before the copy; None when there was none."""
        self.is_over = False
        """Whether the next token is the end of the text."""
        self._end_of_text = end_of_text
        self._possible_ends: list[int] = []

    def filter(self, tokens: Iterable[TokenData], logits: Any) -> None:
        """Take the tokens so far and the next one's logits, before each is chosen."""
        said = [token.id for token in tokens]
        scores = np.ctypeslib.as_array(logits, shape=(self._end_of_text + 1,))
        best = float(scores[:-1].max())
        if said and scores[-1] >= best - CLOSE:
            self._possible_ends.append(len(said))
        copied = (end for end in self._possible_ends if copies(said, end))
        self.text_tokens = next(copied, None)
        if self.text_tokens is not None:
            scores[-1] = best + CLOSE
        self.is_over = bool(scores[-1] > best)


def copies(said: Sequence[int], end: int) -> bool:
    """Tell whether enough tokens from `end` on repeat ones before it, in order."""
    copy = said[end:]
    if len(copy) < COPIED_TOKENS:
        return False
    back = range(1, end + 1)
    return any(said[end - n : len(said) - n] == copy for n in back)
