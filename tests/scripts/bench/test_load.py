from scripts.bench.load import compare, report
from scripts.bench.round_trip import measure, summary
from scripts.bench.speakers import Heard


WARNING = {"type": "warning", "message": "busy", "step_ms": 750}


def heard(*delays_s: float, warned: int = 0) -> Heard:
    finals = [
        (10.0 * number + delay_s, {"type": "final", "te": 10.0 * number})
        for number, delay_s in enumerate(delays_s)
    ]
    end = (99.0, {"type": "end", "finals": len(delays_s)})
    warnings = [(1.0, WARNING)] * warned
    return Heard(messages=[*finals, *warnings, end], close_code=1000)


def refused(seconds: float, retry_after: str = "5") -> Heard:
    return Heard(refused_s=seconds, retry_after=retry_after)


def test_a_report_tells_of_refusals_and_of_the_ladder() -> None:
    lines = report([heard(0.5, 0.7, warned=2), refused(0.025)])
    assert lines[0] == "speakers: 1 admitted, 1 refused"
    assert lines[1] == "end of speech to final: p50 0.60 s, p95 0.69 s, n 2"
    assert lines[3] == "sessions with all of their finals: 1 of 1, closes: {1000: 1}"
    assert lines[-2] == "slowest refusal: 25 ms, Retry-After ['5']"
    assert lines[-1] == "warned 2 times: busy (step 750 ms)"


def test_a_crowd_is_compared_with_the_few_before_it() -> None:
    few, calm = [heard(1.0, 1.0)], heard(1.2, 1.2)
    assert compare(few, [calm, refused(0.01)]) == [
        "p95 of finals: 1.00 s, in the crowd 1.20 s, 1.20 times (within 1.5)",
        "speakers with fewer finals than without a crowd: 0 of 1",
        "refusals after more than 100 ms: 0 of 1, without Retry-After: 0",
    ]
    assert compare(few, [heard(2.0), heard(2.0), refused(0.2, "")]) == [
        "p95 of finals: 1.00 s, in the crowd 2.00 s, 2.00 times (beyond 1.5)",
        "speakers with fewer finals than without a crowd: 2 of 2",
        "refusals after more than 100 ms: 1 of 1, without Retry-After: 1",
        "and nobody was told why",
    ]


async def test_round_trips_through_a_real_process_are_timed() -> None:
    taken_ms = await measure(0.1, 5)
    assert len(taken_ms) == 5 and min(taken_ms) > 0


def test_round_trips_are_told_in_one_line() -> None:
    line = summary([float(number) for number in range(1, 102)], 10.0)
    assert line == (
        "10 s of audio, 101 round trips: p50 51.00 ms, p95 96.00 ms, p99 100.00 ms"
    )
