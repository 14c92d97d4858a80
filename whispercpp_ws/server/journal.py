"""What a session has said and its peer has not confirmed, in order."""

from collections import deque
from collections.abc import Iterator

from whispercpp_ws.events import (
    Acknowledged,
    Event,
    Final,
    Partial,
    Ready,
    Warned,
    whole_ms,
)


class Journal:
    """
    Keep events until the peer confirms an offset, at most `limit` of them.

    A peer that confirms an acknowledgement has everything that came before it: a
    socket keeps the order. Of partials only the newest is kept, until its final.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._events: deque[Event] = deque()
        self._partial: Partial | None = None
        self._confirmable_ms = 0
        self._has_gap = False
        """Whether events were forgotten after the last forgotten acknowledgement."""

    def add(self, event: Event) -> None:
        """Keep an event; of too many, the oldest are forgotten."""
        if isinstance(event, Partial):
            self._partial = event
            return
        if isinstance(event, Ready | Warned):
            return
        if isinstance(event, Final):
            self._partial = None
        self._events.append(event)
        if len(self._events) > self._limit:
            self._forget_oldest()

    def confirm(self, offset_s: float) -> bool:
        """
        Forget what a peer has that was told `offset_s`, or a later offset, is settled.

        False when the peer lacks events that are no longer kept; nothing changes then.
        """
        offset_ms = whole_ms(offset_s)
        count = self._confirmed(offset_ms)
        if count == 0:
            return not self._has_gap and offset_ms >= self._confirmable_ms
        for _ in range(count):
            self._forget_oldest()
        return True

    def __iter__(self) -> Iterator[Event]:
        yield from self._events
        if self._partial is not None:
            yield self._partial

    def __len__(self) -> int:
        return len(self._events)

    def _confirmed(self, offset_ms: int) -> int:
        """
        Count the events up to the acknowledgement that the peer has.

        The same offset may be acknowledged again later, after events that the peer
        lacks, so the first one counts.
        """
        count = 0
        for index, event in enumerate(self._events, start=1):
            if isinstance(event, Acknowledged):
                told_ms = whole_ms(event.offset_s)
                if told_ms > offset_ms:
                    break
                count = index
                if told_ms == offset_ms:
                    break
        return count

    def _forget_oldest(self) -> None:
        event = self._events.popleft()
        self._has_gap = not isinstance(event, Acknowledged)
        if isinstance(event, Acknowledged):
            self._confirmable_ms = whole_ms(event.offset_s)
