"""The bounded queue between a session and a socket that may be slow."""

import asyncio
from collections import deque
from dataclasses import dataclass

from whispercpp_ws.events import Event
from whispercpp_ws.protocols.base import SUPERSEDED_SOON


@dataclass(frozen=True, slots=True)
class _Waiting:
    text: str
    can_drop: bool


class OutboundQueue:
    """
    Hold the frames that wait to be sent, at most `limit` of them.

    When it is full, the frames of `droppable` events go first: a later one says the
    same and more. Nothing else is ever dropped; a queue full of finals is `overfull`,
    and then the connection has to be given up.
    """

    def __init__(
        self, limit: int, droppable: tuple[type[Event], ...] = SUPERSEDED_SOON
    ) -> None:
        self._limit = limit
        self._droppable = droppable
        self._frames: deque[_Waiting] = deque()
        self._changed = asyncio.Event()
        self._is_finished = False
        self.dropped = 0

    @property
    def is_overfull(self) -> bool:
        """Whether more frames wait than the limit, and none can be dropped."""
        return len(self._frames) > self._limit

    def put(self, event: Event, texts: list[str]) -> None:
        """Add the frames of one event; none are added after `finish`."""
        if self._is_finished:
            return
        can_drop = isinstance(event, self._droppable)
        self._frames.extend(_Waiting(text, can_drop) for text in texts)
        while len(self._frames) > self._limit and self._drop_one():
            pass
        self._changed.set()

    def finish(self) -> None:
        """Take no more frames; `get` returns None after those that wait."""
        self._is_finished = True
        self._changed.set()

    async def get(self) -> str | None:
        """Wait for the next frame; None when there will be no more."""
        while not self._frames:
            if self._is_finished:
                return None
            self._changed.clear()
            await self._changed.wait()
        return self._frames.popleft().text

    def _drop_one(self) -> bool:
        for index, frame in enumerate(self._frames):
            if frame.can_drop:
                del self._frames[index]
                self.dropped += 1
                return True
        return False
