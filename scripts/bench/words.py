"""Words as stability and word latency compare them, and where two texts agree."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from whispercpp_ws.transcript import is_unspaced


_NOT_WORD = re.compile(r"[\W_]+")


def plain_words(text: str) -> tuple[str, ...]:
    """
    Return the words without case and punctuation; characters, in unspaced scripts.

    Lighter than the normalisers of `wer`: a word on screen that turns from "twenty"
    into "20" did change.
    """
    spread = "".join(f" {c} " if is_unspaced(c) else c for c in text.casefold())
    spread = spread.replace("'", "").replace("\u2019", "")
    return tuple(_NOT_WORD.sub(" ", spread).split())


def common_prefix(first: Sequence[str], second: Sequence[str]) -> int:
    """Count the words both begin with."""
    count = 0
    for left, right in zip(first, second, strict=False):
        if left != right:
            break
        count += 1
    return count


def kept(earlier: Sequence[str], later: Sequence[str]) -> frozenset[int]:
    """Return the indices in `later` of the words that `earlier` has too, in order."""
    matcher = SequenceMatcher(None, earlier, later, autojunk=False)
    return frozenset(
        block.b + offset
        for block in matcher.get_matching_blocks()
        for offset in range(block.size)
    )
