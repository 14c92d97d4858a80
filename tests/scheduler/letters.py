"""Messages to an engine process, and what it says to them, without a process."""

import tempfile
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from whispercpp_ws.decoding import DecodeRequest, Priority
from whispercpp_ws.scheduler.host_process import serve
from whispercpp_ws.scheduler.inbox import Inbox
from whispercpp_ws.scheduler.slots import Slots
from whispercpp_ws.scheduler.wire import Decode, HostSpec, Load, Message, encode


T = TypeVar("T")

SPEC = HostSpec("scripted", "test", lanes=2)

SLOTS = Slots.create(10)
"""All of them silent."""


def load(spec: HostSpec = SPEC) -> Load:
    """Ask for an engine that finds its windows in `SLOTS`."""
    return Load(spec, SLOTS.fd)


def request(seconds: float = 1.0) -> DecodeRequest:
    """Return the request of so much silence."""
    samples = np.zeros(int(seconds * 16_000), np.float32)
    return DecodeRequest(0, Priority.FINAL, samples)


def decode(ticket: int, seconds: float = 1.0) -> Decode:
    """Ask for the decode of so much silence, in the slot of the ticket's number."""
    return Decode.of(request(seconds), ticket=ticket, slot=ticket)


def served(*received: Message) -> tuple[int, list[Message]]:
    """Serve messages that all have arrived; the exit status and the answers."""
    sent: list[Message] = []
    return with_inbox(lambda inbox: serve(inbox, sent.append), *received), sent


def with_inbox(use: Callable[[Inbox], T], *received: Message) -> T:
    """Call with an inbox that holds these messages and is over then."""
    with tempfile.TemporaryFile() as file:
        file.write(b"".join(encode(message) for message in received))
        file.flush()
        file.seek(0)
        return use(Inbox(file.fileno()))
