"""How late a text is."""

from whispercpp_ws.server.arrival import MAX_MARKS, ArrivalTimes


def arrivals(*marks: tuple[float, float]) -> ArrivalTimes:
    times = ArrivalTimes()
    for received_s, at_s in marks:
        times.note(received_s, at_s=at_s)
    return times


def test_nothing_is_known_of_audio_that_never_came() -> None:
    assert ArrivalTimes().lag_ms(1.0, now_s=5.0) is None
    assert arrivals((1.0, 100.0)).lag_ms(2.0, now_s=101.0) is None


def test_the_frame_that_brought_the_last_sample_counts() -> None:
    times = arrivals((0.1, 100.1), (0.2, 100.25), (0.3, 100.3))
    assert times.lag_ms(0.15, now_s=101.0) == 750
    assert times.lag_ms(0.2, now_s=101.0) == 750
    assert times.lag_ms(0.21, now_s=101.0) == 700


def test_tiny_frames_are_noted_as_one() -> None:
    times = arrivals((0.1, 100.0), (0.101, 100.5))
    assert times.lag_ms(0.101, now_s=101.0) == 1000


def test_a_clock_that_is_behind_gives_no_negative_lag() -> None:
    assert arrivals((1.0, 100.0)).lag_ms(1.0, now_s=99.0) == 0


def test_what_is_settled_is_forgotten() -> None:
    times = arrivals((1.0, 101.0), (2.0, 102.0), (3.0, 103.0))
    times.forget(2.5)
    assert times.lag_ms(0.5, now_s=104.0) == 1000
    times.forget(99.0)
    assert times.lag_ms(3.0, now_s=104.0) == 1000


def test_marks_are_bounded() -> None:
    times = arrivals(*((float(second), second) for second in range(3 * MAX_MARKS)))
    assert times.lag_ms(0.0, now_s=3 * MAX_MARKS) == MAX_MARKS * 1000
