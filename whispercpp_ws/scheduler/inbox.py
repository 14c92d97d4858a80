"""The gateway's messages, as they arrive on a file descriptor."""

import os
from collections import deque
from collections.abc import Iterator

from whispercpp_ws.scheduler.wire import FrameReader, Message


READ_BYTES = 1 << 16
"""One read from the pipe, as much as it holds; a request is below 1 kB, unless it has a
long prompt."""


class Inbox:
    """Messages in the order they were sent; the descriptor stays the caller's."""

    def __init__(self, stream_fd: int) -> None:
        self.is_over = False
        """Whether the other end is closed; there is nothing to wait for any more."""
        self._stream_fd = stream_fd
        self._reader = FrameReader()
        self._unread: deque[Message] = deque()

    def fileno(self) -> int:
        """Return the descriptor, for `select`."""
        return self._stream_fd

    def unread(self) -> list[Message]:
        """Return what came with the first message, if anything did."""
        messages = list(self._unread)
        self._unread.clear()
        return messages

    def receive(self) -> list[Message]:
        """
        Wait for bytes and return the messages they complete, if any.

        Raises:
            EngineError: the stream is corrupted.
        """
        data = self._read()
        self.is_over = not data
        self._unread.extend(self._reader.feed(data))
        return self.unread()

    def first(self) -> Message | None:
        """Wait for one message and take no other; None at the end."""
        while not self._unread and not self.is_over:
            self._unread.extend(self.receive())
        return self._unread.popleft() if self._unread else None

    def _read(self) -> bytes:
        try:
            return os.read(self._stream_fd, READ_BYTES)
        except ConnectionResetError:
            # Of a socket whose other end had not read everything when it ended.
            return b""

    def __iter__(self) -> Iterator[Message]:
        """Wait for message after message until the end."""
        while (message := self.first()) is not None:
            yield message
