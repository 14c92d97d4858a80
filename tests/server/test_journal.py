"""What is kept for a peer, and what it confirms."""

import pytest

from whispercpp_ws.events import Acknowledged, Event, Final, Partial, Ready, Warned
from whispercpp_ws.server.journal import Journal


def final(number: int) -> Final:
    return Final(number, f"text {number}", number, number + 0.5, "en", 0.9)


def journal(*events: Event, limit: int = 100) -> Journal:
    made = Journal(limit)
    for event in events:
        made.add(event)
    return made


ACK_1, ACK_2 = Acknowledged(1.0), Acknowledged(2.0)
PARTIAL = Partial(3, "open", "", 2.0, 2.5)


def test_nothing_is_confirmed_at_first() -> None:
    kept = journal(final(1), ACK_1)
    assert kept.confirm(0.0)
    assert list(kept) == [final(1), ACK_1]


def test_an_offset_confirms_what_came_before_its_acknowledgement() -> None:
    kept = journal(final(1), ACK_1, final(2), ACK_2, final(3))
    assert kept.confirm(1.0)
    assert list(kept) == [final(2), ACK_2, final(3)]


@pytest.mark.parametrize("offset_s", [1.0, 1.0009, 1.5, 1.999])
def test_an_offset_between_two_confirms_the_earlier(offset_s: float) -> None:
    kept = journal(final(1), ACK_1, final(2), ACK_2)
    assert kept.confirm(offset_s)
    assert list(kept) == [final(2), ACK_2]


def test_an_offset_is_compared_as_it_was_told() -> None:
    kept = journal(final(1), Acknowledged(16_007 / 16_000), final(2))
    assert kept.confirm(1.0)
    assert list(kept) == [final(2)]


def test_of_two_equal_offsets_the_first_is_what_the_peer_surely_has() -> None:
    kept = journal(final(1), ACK_1, final(2), ACK_1)
    assert kept.confirm(1.0)
    assert list(kept) == [final(2), ACK_1]


def test_the_newest_partial_comes_last_and_goes_with_its_final() -> None:
    kept = journal(PARTIAL, ACK_2)
    assert list(kept) == [ACK_2, PARTIAL]
    kept.add(final(3))
    assert list(kept) == [ACK_2, final(3)]


def test_what_is_no_news_later_is_not_kept() -> None:
    assert list(journal(Ready("s", "m", "en"), Warned("overload", "slow"))) == []


def test_a_peer_that_lacks_what_was_forgotten_cannot_go_on() -> None:
    kept = journal(final(1), ACK_1, final(2), ACK_2, limit=2)
    assert list(kept) == [final(2), ACK_2]
    assert not kept.confirm(0.0)
    assert not kept.confirm(0.999)
    assert kept.confirm(1.0)
    assert list(kept) == [final(2), ACK_2]


def test_a_peer_that_has_a_later_acknowledgement_can() -> None:
    kept = journal(final(1), ACK_1, final(2), ACK_2, final(3), limit=2)
    assert list(kept) == [ACK_2, final(3)]
    assert not kept.confirm(1.0)
    assert len(kept) == 2
    assert kept.confirm(2.0)
    assert list(kept) == [final(3)]
