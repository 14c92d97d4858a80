"""
Replay golden transcripts of a dialect, with no socket and no session.

Each line of a file is one step. What a client sends is `{"client": TEXT}` or
`{"binary": BYTES}`, what the session says is `{"event": NATIVE}`; what must come of it
stands in `{"session": NATIVE}`, `{"audio": BYTES}` and `{"server": JSON}` lines, and
`{"closed": CODE}` after an error. NATIVE is the native dialect's JSON. The session is
one that hears at once: a mark is answered where it stands. BYTES is a count of zero
bytes, or text of them in hexadecimal digits.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from whispercpp_ws.errors import PeerError
from whispercpp_ws.events import Failed, Mark, Marked
from whispercpp_ws.protocols import native
from whispercpp_ws.protocols.base import Dialect, Input


DATA = Path(__file__).parent / "data"
Step = dict[str, Any]


def transcripts(dialect: str) -> list[Path]:
    """List the transcripts of a dialect."""
    return sorted(DATA.glob(f"{dialect}-*.jsonl"))


def steps_of(path: Path) -> list[Step]:
    """Read a transcript."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def received(dialect: Dialect, frame: str | bytes) -> list[Input]:
    """Give a dialect a frame of either kind; raises PeerError."""
    if isinstance(frame, bytes):
        return dialect.receive_binary(frame)
    return dialect.receive_text(frame)


def refusals(dialect: Dialect, frames: Iterable[str | bytes]) -> Iterator[PeerError]:
    """Give a dialect frames of any kind, and yield what it refuses some with."""
    for frame in frames:
        try:
            received(dialect, frame)
        except PeerError as error:
            yield error


def replayed(dialect: Dialect, steps: list[Step]) -> list[Step]:
    """Feed what a transcript's client and session say; return it with the outcome."""
    said = list(_took(dialect, dialect.receive_open()))
    for step in steps:
        if not step.keys().isdisjoint(("client", "binary", "event")):
            said += [step, *_outcome(dialect, step)]
    return said


def _outcome(dialect: Dialect, step: Step) -> Iterator[Step]:
    try:
        if "event" in step:
            event = native.decode_event(json.dumps(step["event"]))
            yield from map(_server, dialect.send_event(event))
        elif "client" in step:
            yield from _took(dialect, dialect.receive_text(step["client"]))
        else:
            yield from _took(dialect, dialect.receive_binary(_bytes(step["binary"])))
    except PeerError as error:
        yield from map(_server, dialect.send_event(Failed(error)))
        yield {"closed": dialect.closing(error).code}


def _took(dialect: Dialect, inputs: list[Input]) -> Iterator[Step]:
    for item in inputs:
        if isinstance(item, bytes):
            yield {"audio": len(item)}
        elif isinstance(item, Mark):
            yield from map(_server, dialect.send_event(Marked(item.name)))
        else:
            yield {"session": json.loads(native.encode_command(item))}


def _bytes(told: int | str) -> bytes:
    return bytes(told) if isinstance(told, int) else bytes.fromhex(told)


def _server(text: str) -> Step:
    return {"server": json.loads(text)}
