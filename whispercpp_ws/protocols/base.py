"""The contract of a dialect: frames to session inputs, events to frames, no socket."""

from dataclasses import dataclass
from typing import Protocol

from whispercpp_ws.errors import SpeechError
from whispercpp_ws.events import Acknowledged, Command, Event, Partial


Input = Command | bytes
"""What a dialect makes of a frame: a command, or audio as `Start` described it."""


@dataclass(frozen=True, slots=True)
class Closing:
    """A close frame (RFC 6455 section 5.5.1)."""

    code: int
    reason: str = ""


class Dialect(Protocol):
    """
    One connection's translator on the server's side.

    It may remember what the wire protocol makes it remember, and nothing else. A reply
    that is due in its place in the order is asked for with a `Mark`: `send_event` gets
    `Marked` once the session has taken what came before it.
    """

    @property
    def droppable(self) -> tuple[type[Event], ...]:
        """Name the events whose frames a slow reader may miss."""
        ...

    def receive_open(self) -> list[Input]:
        """Return what the session gets before the first frame; maybe nothing."""
        ...

    def receive_text(self, text: str) -> list[Input]:
        """
        Translate one text frame.

        Raises:
            PeerError: the frame is not of this dialect; any text raises no other.
        """
        ...

    def receive_binary(self, data: bytes) -> list[Input]:
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

    def closing(self, error: SpeechError) -> Closing:
        """Return the close frame after an error."""
        ...


SUPERSEDED_SOON: tuple[type[Event], ...] = (Partial, Acknowledged)
"""Events that a later one says again, and more."""
