from scripts.bench.load import FRAME_S, Heard, frames, report
from scripts.bench.round_trip import measure, summary


def test_a_recording_is_said_again_with_a_pause_between() -> None:
    pcm = b"\1\0" * 16_000
    cut = list(frames(pcm, 16_000, 6.0))
    assert len(cut) == round(6.0 / FRAME_S)
    spoken = [any(frame) for frame in cut]
    assert spoken == ([True] * 10 + [False] * 15) * 2 + [True] * 10


def partial(utterance: int, ts: float) -> dict[str, object]:
    return {"type": "partial", "utterance": utterance, "ts": ts}


def test_delays_count_from_the_audio_they_are_about() -> None:
    heard = Heard(
        messages=[
            (1.5, partial(1, 0.5)),
            (2.0, partial(1, 0.5)),
            (3.0, {"type": "final", "te": 2.25}),
            (9.0, partial(2, 7.0)),
        ]
    )
    assert heard.first_partial_delays_s() == [1.0, 2.0]
    assert heard.final_delays_s() == [0.75]


def test_a_report_tells_of_refusals_and_of_the_ladder() -> None:
    warning = {"type": "warning", "message": "busy", "step_ms": 750}
    admitted = Heard(messages=[(1.0, warning), (2.0, warning)], close_code=1000)
    lines = report([admitted, Heard(refused_s=0.025, retry_after="5")]).splitlines()
    assert lines[0] == "speakers: 1 admitted, 1 refused"
    assert lines[-2] == "slowest refusal: 25 ms, Retry-After ['5']"
    assert lines[-1] == "warned 2 times: busy (step 750 ms)"


async def test_round_trips_through_a_real_process_are_timed() -> None:
    taken_ms = await measure(0.1, 5)
    assert len(taken_ms) == 5 and min(taken_ms) > 0


def test_round_trips_are_told_in_one_line() -> None:
    line = summary([float(number) for number in range(1, 102)], 10.0)
    assert line == (
        "10 s of audio, 101 round trips: p50 51.00 ms, p95 96.00 ms, p99 100.00 ms"
    )
