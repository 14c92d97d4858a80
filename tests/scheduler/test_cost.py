import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whispercpp_ws.decoding import DecodeOptions, DecodeRequest, Priority
from whispercpp_ws.engines.base import EngineInfo
from whispercpp_ws.scheduler.cost import (
    ENOUGH,
    FIRST_S_PER_FRAME,
    MOST_S_PER_FRAME,
    CostModel,
    first_frame_s,
    frames_of,
    limit_s,
)


FRAMES = st.integers(1, 3000)
SECONDS = st.floats(0.001, 60)


def learned(frames: int, seconds: float, times: int = ENOUGH + 1) -> CostModel:
    cost = CostModel()
    for _ in range(times):
        cost.learn(frames, seconds)
    return cost


def test_what_always_takes_the_same_is_expected_to_take_it_again() -> None:
    cost = learned(500, 0.8)
    assert cost.expected_s(500) == pytest.approx(0.8)
    assert cost.slow_s(500, 0.01) == pytest.approx(0.8)


def test_lengths_never_seen_are_told_from_the_nearest() -> None:
    cost = learned(500, 0.8)
    assert cost.expected_s(1000) == pytest.approx(1.6)
    assert cost.expected_s(100) == pytest.approx(0.16)


def test_a_machine_that_grows_slower_is_followed() -> None:
    cost = learned(500, 0.8)
    for _ in range(30):
        cost.learn(500, 2.0)
    assert cost.expected_s(500) == pytest.approx(2.0, rel=0.05)


def test_the_slowest_decodes_stand_out_from_the_mean() -> None:
    cost = learned(500, 1.0, 100)
    for _ in range(5):
        cost.learn(500, 5.0)
    assert cost.slow_s(500, 0.01) > 2 * cost.expected_s(500)


@given(st.lists(st.tuples(FRAMES, SECONDS)), FRAMES)
def test_every_decode_is_expected_to_take_some_time(
    ran: list[tuple[int, float]], frames: int
) -> None:
    cost = CostModel()
    for one in ran:
        cost.learn(*one)
    assert 0 < cost.expected_s(frames) <= cost.slow_s(frames, 0.05)


@given(st.lists(SECONDS, min_size=ENOUGH, max_size=50))
def test_a_mean_lies_between_what_was_measured(ran: list[float]) -> None:
    cost = CostModel()
    for seconds in ran:
        cost.learn(300, seconds)
    assert min(ran) * 0.999 <= cost.expected_s(300) <= max(ran) * 1.001


@pytest.mark.parametrize(
    ("taken_s", "times", "limit"),
    [(1.0, ENOUGH, 60.0), (0.1, 21, 10.0), (5.0, 21, 15.0), (50.0, 21, 60.0)],
)
def test_a_decode_hangs_after_thrice_the_slowest_within_bounds(
    taken_s: float, times: int, limit: float
) -> None:
    cost = learned(500, taken_s, times)
    found = limit_s(cost, 500, lowest_s=10.0, highest_s=60.0)
    assert found == pytest.approx(limit)


@pytest.mark.parametrize(
    ("warm_up_s", "expected_s"),
    [(0.0, FIRST_S_PER_FRAME), (0.0016, 0.002), (9.0, MOST_S_PER_FRAME)],
)
def test_before_anything_ran_the_warm_up_tells_what_decodes_take(
    warm_up_s: float, expected_s: float
) -> None:
    frame_s = first_frame_s(EngineInfo("gated", "m", ("en",), 1, warm_up_s))
    cost = CostModel(frame_s=frame_s)
    assert cost.expected_s(300) == pytest.approx(300 * expected_s)
    cost.learn(300, 0.1)
    assert cost.expected_s(300) == pytest.approx(0.1)


def test_telling_the_language_costs_a_second_encode() -> None:
    samples = np.zeros(16_000, np.float32)
    options = [DecodeOptions("en", audio_ctx=100), DecodeOptions("auto", audio_ctx=100)]
    requests = [DecodeRequest(1, Priority.FINAL, samples, each) for each in options]
    assert [frames_of(request) for request in requests] == [100, 200]
