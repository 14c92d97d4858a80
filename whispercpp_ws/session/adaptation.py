"""What a session can be told to do without while the lanes are busy."""

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True)
class Adaptation:
    """How much a session may ask for; the defaults give nothing up."""

    speculates: bool = True
    """Whether finals are decoded ahead, in a silence that may not be the last."""
    partial_window_s: float = inf
    """Length from which a partial window moves on, if it does not do so earlier."""
    context_s: float = inf
    """Longest window of a final that earlier speech is added to, if not shorter."""
    retries: bool = True
    """Whether a final that a guard doubts is decoded once more."""
