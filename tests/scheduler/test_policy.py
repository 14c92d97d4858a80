from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whispercpp_ws.decoding import Priority
from whispercpp_ws.errors import Overloaded
from whispercpp_ws.scheduler.policy import BUDGET_S, DecodeQueue, Ticket


def popped(queue: DecodeQueue[object], now_s: float) -> Iterator[Ticket[object]]:
    while ticket := queue.pop(now_s):
        yield ticket


def drain(queue: DecodeQueue[object]) -> list[object]:
    return [ticket.key for ticket in popped(queue, 0.0)]


def test_an_empty_queue_gives_nothing() -> None:
    queue: DecodeQueue[object] = DecodeQueue()
    assert queue.pop(0.0) is None


def test_finals_come_before_speculative_ones_and_partials_last() -> None:
    queue: DecodeQueue[object] = DecodeQueue()
    for session, priority in enumerate(reversed(Priority)):
        queue.push(str(session), priority, key=priority, now_s=0.0)
    assert drain(queue) == [Priority.FINAL, Priority.SPECULATIVE, Priority.PARTIAL]


def test_what_was_asked_for_ahead_is_a_final_once_it_is_late() -> None:
    queue: DecodeQueue[object] = DecodeQueue()
    queue.push("a", Priority.SPECULATIVE, key="ahead", now_s=0.0)
    queue.push("file", Priority.FINAL, key="file", now_s=0.3)
    queue.push("b", Priority.PARTIAL, key="partial", now_s=0.0)
    late_s = BUDGET_S[Priority.SPECULATIVE] + 0.01
    assert [ticket.key for ticket in popped(queue, late_s)] == [
        "ahead",
        "file",
        "partial",
    ]


def test_what_was_asked_for_ahead_waits_for_finals_until_then() -> None:
    queue: DecodeQueue[object] = DecodeQueue()
    queue.push("a", Priority.SPECULATIVE, key="ahead", now_s=0.0)
    queue.push("file", Priority.FINAL, key="file", now_s=0.3)
    in_time_s = BUDGET_S[Priority.SPECULATIVE]
    assert [ticket.key for ticket in popped(queue, in_time_s)] == ["file", "ahead"]


def test_inside_a_class_the_earliest_deadline_comes_first() -> None:
    queue: DecodeQueue[object] = DecodeQueue()
    queue.push("late", Priority.FINAL, key="late", now_s=2.0)
    queue.push("early", Priority.FINAL, key="early", now_s=1.0)
    assert drain(queue) == ["early", "late"]


def test_a_newer_decode_takes_the_place_of_a_waiting_partial() -> None:
    queue: DecodeQueue[object] = DecodeQueue()
    queue.push("a", Priority.PARTIAL, key=1, now_s=0.0)
    queue.push("b", Priority.PARTIAL, key=2, now_s=0.0)
    dropped = queue.drop_partials("a")
    queue.push("a", Priority.FINAL, key=3, now_s=0.1)
    assert [ticket.key for ticket in dropped] == [1]
    assert drain(queue) == [3, 2]


def test_only_the_partials_of_the_session_are_dropped() -> None:
    queue: DecodeQueue[object] = DecodeQueue()
    queue.push("a", Priority.FINAL, key=1, now_s=0.0)
    queue.push("a", Priority.PARTIAL, key=2, now_s=0.0)
    queue.push("b", Priority.PARTIAL, key=3, now_s=0.0)
    assert [ticket.key for ticket in queue.drop_partials("a")] == [2]
    assert drain(queue) == [1, 3]


def test_a_discarded_decode_never_runs() -> None:
    queue: DecodeQueue[object] = DecodeQueue()
    queue.push("a", Priority.FINAL, key=1, now_s=0.0)
    queue.discard(1)
    assert (len(queue), queue.pop(0.0)) == (0, None)


def test_a_firm_decode_that_is_late_is_given_up_and_no_other() -> None:
    queue: DecodeQueue[object] = DecodeQueue()
    queue.push("a", Priority.PARTIAL, key="firm", now_s=0.0, is_firm=True)
    queue.push("b", Priority.PARTIAL, key="a detection", now_s=0.0)
    queue.push("c", Priority.FINAL, key="a final", now_s=0.0)
    assert queue.drop_stale(1.0) == []
    assert [ticket.key for ticket in queue.drop_stale(1.01)] == ["firm"]
    assert drain(queue) == ["a final", "a detection"]


def test_a_full_queue_refuses() -> None:
    queue: DecodeQueue[object] = DecodeQueue(max_waiting=1)
    queue.push("a", Priority.FINAL, key=1, now_s=0.0)
    with pytest.raises(Overloaded, match="at most 1 waiting"):
        queue.push("b", Priority.PARTIAL, key=2, now_s=0.0)


PUSHES = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(list(Priority)), st.booleans())
)


@given(PUSHES)
def test_every_decode_runs_once_or_is_dropped_once(
    pushes: list[tuple[str, Priority, bool]],
) -> None:
    queue: DecodeQueue[object] = DecodeQueue()
    gone: list[object] = []
    for key, (session, priority, pop) in enumerate(pushes):
        gone += [ticket.key for ticket in queue.drop_partials(session)]
        queue.push(session, priority, key=key, now_s=float(key))
        ticket = queue.pop(0.0) if pop else None
        gone += [ticket.key] if ticket else []
    gone += drain(queue)
    assert sorted(map(str, gone)) == sorted(map(str, range(len(pushes))))


@given(PUSHES)
def test_no_partial_runs_while_a_final_waits(
    pushes: list[tuple[str, Priority, bool]],
) -> None:
    queue: DecodeQueue[object] = DecodeQueue()
    for key, (session, priority, _) in enumerate(pushes):
        queue.push(session, priority, key=key, now_s=0.0)
    order = []
    while ticket := queue.pop(0.0):
        order.append(ticket.priority)
    assert order == sorted(order)
