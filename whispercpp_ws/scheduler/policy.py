"""
Which decode runs next, as a pure queue.

Finals before speculative finals, which are finals once they are late, before partials
(DESIGN §5). Inside a class those of the token subject that was given least lane time,
and of one subject's, the one with the earliest deadline: a session has one final out at
a time, so that sessions take turns.
It has at most one waiting partial, and none once a final of it waits: the final's
result makes the partial's worthless.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

from whispercpp_ws.decoding import Priority
from whispercpp_ws.errors import Overloaded
from whispercpp_ws.scheduler.fairness import FairShares


Key = TypeVar("Key")


STALE_S = 0.5
"""Past its deadline, after which a partial is not run: a step, so that its session can
ask for one with newer audio."""

MAX_WAITING = 256
"""Decodes in the queue: 2 of each of 100 connections and room. At 0.4 s each on two
lanes the last one would wait 50 s, far beyond any use."""

BUDGET_S = {
    Priority.FINAL: 0.25,
    Priority.SPECULATIVE: 0.44,
    Priority.PARTIAL: 0.5,
}
"""Time from asking to the deadline: 250 ms after the endpoint for a final, what is left
of a 600 ms endpoint after 160 ms for one started ahead, a step for a partial."""


@dataclass(frozen=True, slots=True, eq=False)
class Ticket(Generic[Key]):
    """A place in the queue."""

    priority: Priority
    deadline_s: float
    sequence: int
    session_id: str
    key: Key
    """The caller's own name for the decode."""
    is_firm: bool
    """Whether it is worthless once it is late."""
    subject: str
    cost_s: float

    def class_at(self, now_s: float) -> Priority:
        """
        Return its class by now: what was asked for ahead is a final once it is late.

        The silence has lasted by then. Else three files that are sent at once, with
        finals only, would keep two lanes from whoever speaks until they are through.
        """
        is_late = now_s > self.deadline_s
        if is_late and self.priority is Priority.SPECULATIVE:
            return Priority.FINAL
        return self.priority

    def is_stale(self, now_s: float) -> bool:
        """Tell whether it is too late to run it."""
        return self.is_firm and now_s > self.deadline_s + STALE_S


class DecodeQueue(Generic[Key]):
    """Order waiting decodes, each known by a key; the clock is the caller's."""

    def __init__(self, *, max_waiting: int = MAX_WAITING) -> None:
        self._waiting: set[Ticket[Key]] = set()
        self._shares = FairShares()
        self._max_waiting = max_waiting
        self._sequence = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def first(self) -> Priority | None:
        """Return the class of what runs next; None when nothing waits."""
        return min((ticket.priority for ticket in self._waiting), default=None)

    def push(
        self,
        session_id: str,
        priority: Priority,
        *,
        key: Key,
        now_s: float,
        is_firm: bool = False,
        subject: str = "",
        cost_s: float = 1.0,
    ) -> None:
        """
        Queue a decode; `drop_partials` first takes out what it makes worthless.

        A firm one is given up by `drop_stale` when it has waited too long. Lane time is
        shared among the subjects by what each decode is expected to cost.

        Raises:
            Overloaded: the queue is full.
        """
        if len(self._waiting) >= self._max_waiting:
            raise Overloaded(
                f"expected at most {self._max_waiting} waiting decodes; try again later"
            )
        self._sequence += 1
        deadline_s = now_s + BUDGET_S[priority]
        place = (priority, deadline_s, self._sequence)
        self._waiting.add(
            Ticket(*place, session_id, key, is_firm, subject=subject, cost_s=cost_s)
        )

    def drop_partials(self, session_id: str) -> list[Ticket[Key]]:
        """Take out and return a session's waiting partials."""
        dropped = [
            ticket
            for ticket in self._waiting
            if ticket.session_id == session_id and ticket.priority is Priority.PARTIAL
        ]
        self._waiting.difference_update(dropped)
        return dropped

    def drop_stale(self, now_s: float) -> list[Ticket[Key]]:
        """Take out and return what is too late to run."""
        dropped = [ticket for ticket in self._waiting if ticket.is_stale(now_s)]
        self._waiting.difference_update(dropped)
        return dropped

    def pop(self, now_s: float) -> Ticket[Key] | None:
        """Take the decode that runs next; None when nothing waits."""

        def order(ticket: Ticket[Key]) -> tuple[int, float, float, int]:
            share_s = self._shares.start_s(ticket.subject)
            place = (share_s, ticket.deadline_s, ticket.sequence)
            return ticket.class_at(now_s), *place

        ticket = min(self._waiting, key=order, default=None)
        if ticket is not None:
            self._waiting.remove(ticket)
            self._shares.charge(ticket.subject, ticket.cost_s)
        return ticket

    def discard(self, key: Key) -> None:
        """Forget a waiting decode that nobody wants any more."""
        self._waiting = {ticket for ticket in self._waiting if ticket.key is not key}
