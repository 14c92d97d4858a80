"""What is said twice is told once."""

import pytest

from whispercpp_ws.client.news import News
from whispercpp_ws.events import (
    Acknowledged,
    Ended,
    Event,
    Final,
    Partial,
    SpeechEnded,
    SpeechStarted,
    Warned,
)


def final(number: int) -> Final:
    return Final(number, "text", 0.0, 1.0, "en", 0.9)


def partial(number: int) -> Partial:
    return Partial(number, "text", "", 0.0, 1.0)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (final(1), final(2)),
        (SpeechStarted(0.0), SpeechStarted(3.0)),
        (SpeechEnded(1.0), SpeechEnded(4.0)),
        (Acknowledged(0.0), Acknowledged(2.0)),
    ],
)
def test_what_is_repeated_is_not_new(first: Event, second: Event) -> None:
    news = News()
    events = (first, first, second, first, second)
    assert [news.is_new(e) for e in events] == [True, False, True, False, False]


def test_a_partial_of_an_utterance_with_a_final_is_old() -> None:
    news = News()
    events = (partial(1), partial(1), final(1), partial(1), partial(2))
    assert [news.is_new(e) for e in events] == [True, True, True, False, True]


@pytest.mark.parametrize("event", [Warned("overload", "slow"), Ended(1.0, 1)])
def test_other_events_are_always_new(event: Event) -> None:
    news = News()
    assert news.is_new(event)
    assert news.is_new(event)
