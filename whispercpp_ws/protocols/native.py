"""
The native dialect, both sides: JSON text frames and binary PCM on `/stt`.

A server makes one `NativeDialect` per connection; a client uses `encode_command` and
`decode_event`. Times on the wire are seconds of session audio in whole milliseconds.
"""

from dataclasses import dataclass

from whispercpp_ws.errors import SpeechError
from whispercpp_ws.events import Event, SessionOptions
from whispercpp_ws.protocols.base import SUPERSEDED_SOON, Closing, Input
from whispercpp_ws.protocols.native_commands import decode_command, encode_command
from whispercpp_ws.protocols.native_events import (
    ServerMessage,
    decode_event,
    decode_message,
    encode_event,
)


__all__ = [
    "NativeDialect",
    "ServerMessage",
    "decode_command",
    "decode_event",
    "decode_message",
    "encode_command",
    "encode_event",
]


@dataclass(frozen=True, slots=True)
class NativeDialect:
    """The server's side of one connection; it has nothing to remember."""

    defaults: SessionOptions = SessionOptions()
    request_id: str = ""

    @property
    def droppable(self) -> tuple[type[Event], ...]:
        """Name the events whose frames a slow reader may miss."""
        return SUPERSEDED_SOON

    def receive_open(self) -> list[Input]:
        """Wait for `start`."""
        return []

    def receive_text(self, text: str) -> list[Input]:
        """Read a command; raises BadJson, BadMessage or BadStart."""
        return [decode_command(text, self.defaults)]

    def receive_binary(self, data: bytes) -> list[Input]:
        """Return the audio, which is the whole frame."""
        return [data]

    def send_event(self, event: Event, *, lag_ms: int | None = None) -> list[str]:
        """Write one frame for the event."""
        return [encode_event(event, lag_ms=lag_ms, request_id=self.request_id)]

    def closing(self, error: SpeechError) -> Closing:
        """Close with the error's own code, and its name as the reason."""
        return Closing(error.close_code, error.code)
