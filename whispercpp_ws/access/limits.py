"""Count what peers use, and say when it is too much; clocks are passed in."""

from collections import deque
from dataclasses import dataclass, field

from whispercpp_ws.errors import RETRY_AFTER_S, Overloaded, PeerError


MESSAGES_PER_S = 200.0
"""Text frames a client may go on sending; a busy one sends two a second."""
MESSAGE_BURST = 400.0
"""Text frames it may send at once."""


class ConnectionCount:
    """Count open connections up to a limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open = 0

    @property
    def open(self) -> int:
        """How many are open now."""
        return self._open

    def enter(self) -> None:
        """
        Count one more; call `leave` when it ends.

        Raises:
            Overloaded: as many as allowed are open.
        """
        if self._open >= self._limit:
            raise Overloaded(
                f"all {self._limit} connections are taken; "
                f"try again in {RETRY_AFTER_S} s"
            )
        self._open += 1

    def leave(self) -> None:
        """Count one less."""
        self._open -= 1


@dataclass(slots=True)
class MessageRate:
    """
    A token bucket for the text frames of one connection.

    Binary frames are not counted: audio in frames of one byte is legal, and what they
    cost is bounded by the backlog.
    """

    per_s: float = MESSAGES_PER_S
    burst: float = MESSAGE_BURST
    _left: float = field(default=MESSAGE_BURST, init=False)
    _at_s: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._left = self.burst

    def take(self, now_s: float) -> None:
        """
        Count one frame at a monotonic time.

        Raises:
            PeerError: the peer sends more than it may.
        """
        earned = max(0.0, now_s - self._at_s) * self.per_s
        self._left = min(self.burst, self._left + earned)
        self._at_s = now_s
        if self._left < 1:
            raise PeerError(
                f"expected at most {self.per_s:g} text frames a second, got more"
            )
        self._left -= 1


class DecodeBacklog:
    """
    Measure how much audio came in while a finished utterance waits for its final.

    An utterance still open is no backlog, however long: its final cannot be due.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[float, float]] = deque()

    def utterance_over(self, end_s: float, *, received_s: float) -> None:
        """Note an utterance that ended at `end_s`, found at `received_s` of audio."""
        self._waiting.append((end_s, received_s))

    def settled(self, offset_s: float) -> None:
        """Note that every utterance before `offset_s` has its final."""
        while self._waiting and self._waiting[0][0] <= offset_s:
            self._waiting.popleft()

    def behind_s(self, received_s: float) -> float:
        """Return the seconds of audio received since the oldest one waits."""
        return received_s - self._waiting[0][1] if self._waiting else 0.0
