"""Events that have come and that nobody has read yet."""

import asyncio
from collections import deque

from whispercpp_ws.events import Final, Partial, SpeechEnded, SpeechStarted, Warned


MAX_UNREAD = 10_000
"""Hours of speech; one who never reads must not fill the memory."""

Heard = SpeechStarted | SpeechEnded | Partial | Final | Warned
"""What a live transcript consists of."""


class Unread:
    """
    A queue for one writer and one reader, in which a partial replaces an unread one.

    Whoever sends a whole recording first and reads afterwards finds its finals here.
    """

    def __init__(self, *, limit: int = MAX_UNREAD) -> None:
        self._limit = limit
        self._events: deque[Heard] = deque()
        self._changed = asyncio.Event()
        self._is_closed = False
        self._error: Exception | None = None

    async def put(self, event: Heard) -> None:
        """Add an event; waits while there are as many as the limit."""
        if isinstance(event, Partial) and isinstance(self._last, Partial):
            self._events.pop()
        while len(self._events) >= self._limit:
            await self._change()
        self._events.append(event)
        self._changed.set()

    async def get(self) -> Heard | None:
        """Return the oldest event; None after the last, or the error of `close`."""
        while not self._events and not self._is_closed:
            await self._change()
        if self._events:
            self._changed.set()
            return self._events.popleft()
        if self._error is not None:
            raise self._error
        return None

    def close(self, error: Exception | None = None) -> None:
        """Say that no more comes, and why."""
        self._is_closed, self._error = True, error
        self._changed.set()

    @property
    def _last(self) -> Heard | None:
        return self._events[-1] if self._events else None

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
