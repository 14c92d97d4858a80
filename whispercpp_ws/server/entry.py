"""
Who comes in: up to a limit, while the lanes have time, and not during a drain.

A peer that takes a session up again was let in before and must find the door open, but
which one it is stands in its first frame. So while sessions wait for their peers, as
many connections are let in as there are such sessions, and who then starts a new one is
refused with the error that it would have got instead of the upgrade.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from whispercpp_ws.access.token import Grant
from whispercpp_ws.errors import Draining, Overloaded
from whispercpp_ws.server.keys import Shared


class Entry:
    """How one connection was let in: like any other, or only to take a session up."""

    __slots__ = ("_is_expected", "_refusal", "_shared", "grant")

    def __init__(
        self, shared: Shared, grant: Grant | None, refusal: Overloaded | None = None
    ) -> None:
        self.grant = grant
        """What a token in its headers allows."""
        self._shared = shared
        self._refusal = refusal
        self._is_expected = refusal is not None
        self._shared.expected += self._is_expected

    def check_new(self) -> None:
        """Raise what refuses a new session, if there is to be none."""
        if self._refusal is not None:
            raise self._refusal

    def settle(self) -> None:
        """Note that it has taken its session up, or is over."""
        self._shared.expected -= self._is_expected
        self._is_expected = False


@contextmanager
def admitted(
    shared: Shared, grant: Grant | None = None, *, may_resume: bool = False
) -> Iterator[Entry]:
    """
    Count a connection within the block, which gets how it was let in.

    Raises:
        Overloaded: all connections, or the lanes, are taken.
        Draining: the server goes away.
    """
    if shared.is_draining:
        raise Draining("the server is shutting down; connect again")
    refusal, number = None, 0
    try:
        number = _come_in(shared)
    except Overloaded as error:
        if not may_resume or shared.expected >= shared.sessions.awaited:
            raise
        refusal = error.with_traceback(None)
    entry = Entry(shared, grant, refusal)
    try:
        yield entry
    finally:
        entry.settle()
        if refusal is None:
            _leave(shared, number)


def _come_in(shared: Shared) -> int:
    """Count one more connection; returns its number for the load."""
    shared.count.enter()
    try:
        number = shared.load.admit()
    except Overloaded:
        shared.count.leave()
        raise
    shared.metrics.connections.set(shared.count.open)
    return number


def _leave(shared: Shared, number: int) -> None:
    shared.load.note_gone(number)
    shared.count.leave()
    shared.metrics.connections.set(shared.count.open)
