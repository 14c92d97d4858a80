"""When to try again, on a clock and a chance that the tests hold."""

from whispercpp_ws.client.backoff import NOTICED_MOST_S, NOTICED_S, Backoff, Outage


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def highest(_low: float, high: float) -> float:
    return high


def test_the_bound_of_a_wait_doubles_up_to_the_longest() -> None:
    backoff = Backoff(first_s=0.25, longest_s=5.0, uniform=highest)
    waits = [backoff.wait_s(tries) for tries in range(7)]
    assert waits == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    assert backoff.wait_s(10**6) == 5.0


def test_a_wait_may_be_anything_below_its_bound() -> None:
    drawn: list[tuple[float, float]] = []

    def note(low: float, high: float) -> float:
        drawn.append((low, high))
        return low

    assert Backoff(first_s=0.25, uniform=note).wait_s(1) == 0.0
    assert drawn == [(0.0, 0.5)]


def test_what_a_server_asks_for_is_waited_for_with_jitter_and_a_bound() -> None:
    drawn: list[tuple[float, float]] = []

    def note(low: float, high: float) -> float:
        drawn.append((low, high))
        return high

    clock = Clock()
    outage = Outage(Backoff(uniform=note, clock=clock))
    outage.next_wait_s()
    drawn.clear()
    clock.now_s += NOTICED_S
    assert [outage.next_wait_s(asked) for asked in (5.0, 3600.0)] == [7.5, 45.0]
    assert drawn == [(5.0, 7.5), (30.0, 45.0)]
    assert outage.next_wait_s() == 2.0


def test_who_is_refused_at_once_comes_back_when_the_loss_is_noticed() -> None:
    clock = Clock()
    outage = Outage(Backoff(uniform=highest, clock=clock))
    assert outage.next_wait_s(5.0) == NOTICED_MOST_S
    clock.now_s += NOTICED_S
    assert outage.next_wait_s(5.0) == 7.5


def test_tries_without_news_are_limited() -> None:
    outage = Outage(Backoff(tries=2, uniform=highest, clock=Clock()))
    waits = [outage.next_wait_s() for _ in range(3)]
    assert waits == [0.25, 0.5, None]


def test_time_without_news_is_limited() -> None:
    clock = Clock()
    outage = Outage(Backoff(give_up_s=60, uniform=highest, clock=clock))
    assert outage.next_wait_s() == 0.25
    clock.now_s += 60
    assert outage.next_wait_s() is None


def test_news_begin_a_new_count() -> None:
    clock = Clock()
    outage = Outage(Backoff(tries=1, give_up_s=60, uniform=highest, clock=clock))
    assert outage.next_wait_s() == 0.25
    outage.note_news()
    clock.now_s += 60
    assert outage.next_wait_s() == 0.25
