"""Run a session against an engine without a server: every decode is done at once."""

from collections.abc import Callable, Iterable

from whispercpp_ws.decoding import DecodeRequest
from whispercpp_ws.events import Event, Final, Partial
from whispercpp_ws.session.session import Session
from whispercpp_ws.transcript import Hypothesis


Decode = Callable[[DecodeRequest], Hypothesis]


def drive(session: Session, chunks: Iterable[bytes], decode: Decode) -> list[Event]:
    """Feed a session, answer its requests, and return all events to the last."""
    events: list[Event] = []
    for chunk in chunks:
        session.receive_audio(chunk)
        events += answer(session, decode)
    session.receive_eof()
    return events + answer(session, decode)


def answer(session: Session, decode: Decode) -> list[Event]:
    """Run every decode the session wants now."""
    while request := session.decode_to_run():
        session.receive_hypothesis(request.id, decode(request))
    return session.events_received()


def cut(pcm: bytes, size: int) -> Iterable[bytes]:
    """Cut bytes into chunks of one size."""
    return (pcm[start : start + size] for start in range(0, len(pcm), size))


def finals(events: Iterable[Event]) -> list[Final]:
    """Pick the finals."""
    return [event for event in events if isinstance(event, Final)]


def partials(events: Iterable[Event]) -> list[Partial]:
    """Pick the partials."""
    return [event for event in events if isinstance(event, Partial)]
