"""Counting connections, messages and audio that waits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whispercpp_ws.access.limits import ConnectionCount, DecodeBacklog, MessageRate
from whispercpp_ws.errors import Overloaded, PeerError


def test_connections_are_counted_up_to_the_limit() -> None:
    count = ConnectionCount(2)
    count.enter()
    count.enter()
    with pytest.raises(Overloaded, match="all 2 connections"):
        count.enter()
    assert count.open == 2


def test_a_connection_that_leaves_makes_room() -> None:
    count = ConnectionCount(1)
    count.enter()
    count.leave()
    count.enter()
    assert count.open == 1


def test_a_burst_is_allowed_and_no_more() -> None:
    rate = MessageRate(per_s=10, burst=3)
    for _ in range(3):
        rate.take(5.0)
    with pytest.raises(PeerError, match="at most 10 text frames a second"):
        rate.take(5.0)


def test_the_sustained_rate_is_allowed_for_ever() -> None:
    rate = MessageRate()
    for message in range(5000):
        rate.take(message / 200)


def test_twice_the_rate_is_refused_in_the_end() -> None:
    rate = MessageRate()
    with pytest.raises(PeerError):
        for message in range(2000):
            rate.take(message / 400)


@given(st.lists(st.floats(0, 1e6), max_size=50))
def test_a_clock_that_jumps_back_earns_nothing(times: list[float]) -> None:
    rate = MessageRate(per_s=1, burst=100)
    for now_s in times:
        rate.take(now_s)


def test_nothing_waits_at_first() -> None:
    assert DecodeBacklog().behind_s(100.0) == 0.0


def test_the_oldest_waiting_utterance_counts() -> None:
    backlog = DecodeBacklog()
    backlog.utterance_over(2.0, received_s=2.6)
    backlog.utterance_over(4.0, received_s=4.6)
    assert backlog.behind_s(6.6) == pytest.approx(4.0)
    backlog.settled(2.3)
    assert backlog.behind_s(6.6) == pytest.approx(2.0)
    backlog.settled(9.0)
    assert backlog.behind_s(10.0) == 0.0
