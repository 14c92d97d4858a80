"""The contract of a dialect: frames to session inputs, events to frames, no socket."""

from typing import Protocol

from whispercpp_ws.events import Command, Event


class Dialect(Protocol):
    """
    One connection's translator on the server's side.

    It may remember what the wire protocol makes it remember, and nothing else. Each
    input is a command, or audio bytes of the format that `Start` named.
    """

    def receive_text(self, text: str) -> Command | bytes:
        """
        Translate one text frame.

        Raises:
            PeerError: the frame is not of this dialect; any text raises no other.
        """
        ...

    def receive_binary(self, data: bytes) -> Command | bytes:
        """
        Translate one binary frame.

        Raises:
            PeerError: the frame is not of this dialect.
        """
        ...

    def send_event(self, event: Event, *, lag_ms: int | None = None) -> list[str]:
        """
        Translate one event to the text frames that tell it, in order; maybe none.

        `lag_ms` is how long ago the last audio that the event covers had arrived.
        """
        ...
