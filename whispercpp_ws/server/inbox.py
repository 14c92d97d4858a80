"""The bounded queue between a socket and the session that hears it."""

import asyncio
from collections import deque
from dataclasses import dataclass

from whispercpp_ws.errors import PeerError
from whispercpp_ws.events import Command


MERGE_BYTES = 4096
"""Audio frames are merged up to this size: one of 1 byte costs what one of 4 kB does,
and 4 kB is 43 ms of 48 kHz PCM16, below what anybody hears as delay."""
MAX_ITEMS = 256
"""Commands and audio waiting; the socket is not read while there are more."""


@dataclass(slots=True)
class Audio:
    """Bytes of one or more binary frames, and when the last of them came."""

    data: bytearray
    arrived_s: float


@dataclass(frozen=True, slots=True)
class PeerClosed:
    """The peer began the closing handshake; it will send no more."""

    code: int = 1000


Item = Audio | Command | PeerError | PeerClosed


class Inbox:
    """Hold what a peer sent, in order, until the session takes it."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        """Audio bytes from which `wait_for_room` waits; one frame may go over."""
        self._items: deque[Item] = deque()
        self._audio_bytes = 0
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    @property
    def is_empty(self) -> bool:
        """Whether the session has taken everything."""
        return not self._items

    def put_audio(self, data: bytes, *, at_s: float) -> None:
        """Add one binary frame that came at a monotonic time."""
        last = self._items[-1] if self._items else None
        if isinstance(last, Audio) and len(last.data) + len(data) <= MERGE_BYTES:
            last.data += data
            last.arrived_s = at_s
        else:
            self._items.append(Audio(bytearray(data), at_s))
        self._audio_bytes += len(data)
        self._note_change()

    def put(self, item: Command | PeerError | PeerClosed) -> None:
        """Add what is not audio."""
        self._items.append(item)
        self._note_change()

    async def get(self) -> Item:
        """Wait for the next item and take it."""
        while not self._items:
            self._changed.clear()
            await self._changed.wait()
        item = self._items.popleft()
        if isinstance(item, Audio):
            self._audio_bytes -= len(item.data)
        self._note_change()
        return item

    async def wait_for_room(self) -> None:
        """Return once the inbox holds less than its limits."""
        await self._room.wait()

    def _note_change(self) -> None:
        self._changed.set()
        if self._audio_bytes < self.limit_bytes and len(self._items) < MAX_ITEMS:
            self._room.set()
        else:
            self._room.clear()
