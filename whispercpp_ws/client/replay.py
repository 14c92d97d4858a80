"""What a client has sent and the server has not settled, to be sent again."""

from collections import deque
from collections.abc import Iterator

from whispercpp_ws.client.rebase import Standing
from whispercpp_ws.events import AudioFormat, Command


MAX_REPLAY_BYTES = 64 << 20
"""Half an hour of 16 kHz PCM16. A server settles within a minute of audio, but kernels
on both sides may hold some megabytes of a fast upload."""
ITEM_BYTES = 64
"""What an item takes besides its audio."""

Item = bytes | Command


class ReplayLog:
    """
    Keep audio and commands in the order they were sent, until they are settled.

    Positions count bytes of audio since the server's session began. When more than
    `limit_bytes` wait, the oldest are forgotten and cannot be replayed any more.
    """

    def __init__(self, audio: AudioFormat, *, limit_bytes: int = MAX_REPLAY_BYTES):
        self._audio = audio
        self._limit_bytes = limit_bytes
        self._items: deque[tuple[int, Item]] = deque()
        self._end = 0
        self._size = 0
        self._first = 0
        """Number of the oldest item that is kept, counted from the session's start."""
        self._forgotten = 0
        """Position before which audio was forgotten though it was not settled."""
        self.settled_s = 0.0
        """The last offset the server has acknowledged."""
        self._standing = Standing()
        """What commands before that have left in force."""

    @property
    def next_number(self) -> int:
        """Return the number the next item will get."""
        return self._first + len(self._items)

    def add(self, item: Item) -> None:
        """Note what is sent now."""
        self._items.append((self._end, item))
        self._end += _length(item)
        self._size += _length(item) + ITEM_BYTES
        while self._size > self._limit_bytes:
            at, oldest = self._forget_oldest()
            self._forgotten = at + _length(oldest)

    def settle(self, offset_s: float) -> None:
        """Forget what lies before an offset that the server has acknowledged."""
        self.settled_s = max(self.settled_s, offset_s)
        settled = self._byte_at(self.settled_s)
        while self._items and self._is_before(*self._items[0], settled):
            _, item = self._forget_oldest()
            if not isinstance(item, bytes):
                self._standing.note(item)

    def begin_anew(self, offset_s: float) -> None:
        """
        Count from an offset on, for a session that begins there and has heard nothing.

        What settled commands left in force comes first, to be replayed like the rest.
        """
        self.settle(offset_s)
        behind = self._audio.byte_at(offset_s)
        in_force, self._standing = self._standing.commands, Standing()
        moved = ((at - behind, item) for at, item in self._items)
        self._items = deque([*((0, command) for command in in_force), *moved])
        self._first = 0
        self._size += ITEM_BYTES * len(in_force)
        self._end -= behind
        self._forgotten -= behind
        self.settled_s = 0.0

    def can_replay(self, offset_s: float) -> bool:
        """Tell whether everything from an offset on is still here."""
        return self._audio.byte_at(offset_s) >= self._forgotten

    def after(self, offset_s: float, *, number: int = 0) -> Iterator[Item]:
        """Yield what lies after an offset, from the item of a number on."""
        start = self._byte_at(offset_s)
        for index, (at, item) in enumerate(list(self._items), self._first):
            if index < number or self._is_before(at, item, start):
                continue
            yield item[max(0, start - at) :] if isinstance(item, bytes) else item

    def _byte_at(self, offset_s: float) -> int:
        # No further than what was sent: milliseconds round up, and an `end` that waits
        # behind the last sample would go with it.
        return min(self._audio.byte_at(offset_s), self._end)

    def _forget_oldest(self) -> tuple[int, Item]:
        at, item = self._items.popleft()
        self._size -= _length(item) + ITEM_BYTES
        self._first += 1
        return at, item

    @staticmethod
    def _is_before(at: int, item: Item, position: int) -> bool:
        if isinstance(item, bytes):
            return at + len(item) <= position
        # A command right at the position may not have been heard with what is before.
        return at < position


def _length(item: Item) -> int:
    return len(item) if isinstance(item, bytes) else 0
