from hypothesis import given
from hypothesis import strategies as st

from whispercpp_ws.scheduler.pressure import HOLD_S, LADDER, OPEN_LADDER, Ladder


def levels(ladder: Ladder, wait_s: float, *, since_s: float, until_s: float) -> int:
    """Observe the same wait ten times a second; returns where that leads."""
    for tenth in range(round(since_s * 10), round(until_s * 10)):
        ladder.observe(wait_s, now_s=tenth / 10)
    return ladder.pressure.level


def test_an_idle_server_gives_nothing_up() -> None:
    assert levels(Ladder(), 0.0, since_s=0, until_s=60) == 0


def test_a_short_burst_moves_nothing() -> None:
    ladder = Ladder()
    assert levels(ladder, 3.0, since_s=0, until_s=1.5) == 0
    assert levels(ladder, 0.0, since_s=1.5, until_s=30) == 0


def test_overload_climbs_rung_by_rung_and_relief_descends() -> None:
    ladder = Ladder()
    assert levels(ladder, 3.0, since_s=0, until_s=3) == 1
    assert levels(ladder, 3.0, since_s=3, until_s=5) == 2
    assert levels(ladder, 3.0, since_s=5, until_s=100) == len(LADDER) - 1
    assert levels(ladder, 0.0, since_s=100, until_s=200) == 0


def test_a_ladder_that_refuses_nobody_ends_one_rung_lower() -> None:
    ladder = Ladder(OPEN_LADDER)
    assert levels(ladder, 3.0, since_s=0, until_s=100) == len(LADDER) - 2
    assert ladder.pressure.name == "small_finals"
    assert levels(ladder, 0.0, since_s=100, until_s=200) == 0


def test_a_wait_between_the_bounds_stays_where_it_is() -> None:
    ladder = Ladder()
    assert levels(ladder, 3.0, since_s=0, until_s=5.5) == 2
    assert levels(ladder, 0.3, since_s=5.5, until_s=8) in (2, 3)
    level = ladder.pressure.level
    assert levels(ladder, 0.3, since_s=8, until_s=100) == level


def finals(ladder: Ladder, late_s: float, *, every_s: float, count: int) -> list[int]:
    """Let finals come late by the same, with nothing in the queue; returns levels."""
    seen, tenth, started_s = [], 0, ladder._observed_s or 0.0
    for _ in range(count):
        ladder.note_final(late_s, now_s=started_s + tenth / 10)
        for _ in range(round(every_s * 10)):
            tenth += 1
            ladder.observe(0.0, now_s=started_s + tenth / 10)
        seen.append(ladder.pressure.level)
    return seen


def test_one_late_final_moves_one_rung_at_most() -> None:
    ladder = Ladder()
    assert finals(ladder, 5.0, every_s=8.0, count=1) == [1]


def test_each_late_final_climbs_one_rung_and_punctual_ones_descend() -> None:
    ladder = Ladder()
    assert finals(ladder, 1.0, every_s=2.5, count=4) == [1, 2, 3, 4]
    assert finals(ladder, 0.0, every_s=2.5, count=30)[-1] == 0


def test_a_final_that_is_very_late_is_forgotten_like_any_other() -> None:
    ladder = Ladder()
    finals(ladder, 60.0, every_s=0.1, count=40)
    assert levels(ladder, 0.0, since_s=4, until_s=30) < len(LADDER) - 1
    assert levels(ladder, 0.0, since_s=30, until_s=60) == 0


def test_finals_that_are_hardly_late_move_nothing() -> None:
    assert finals(Ladder(), 0.2, every_s=2.5, count=40)[-1] == 0


def test_each_rung_gives_up_at_least_what_the_one_below_does() -> None:
    for lower, upper in zip(LADDER, LADDER[1:], strict=False):
        assert upper.level == lower.level + 1
        assert upper.speculates <= lower.speculates
        assert upper.partial_window_s <= lower.partial_window_s
        assert upper.retries <= lower.retries
        assert upper.step_factor >= lower.step_factor
        assert upper.partial_share <= lower.partial_share
        assert upper.small_finals >= lower.small_finals
        assert upper.admits <= lower.admits


def test_the_ladder_gives_up_what_is_missed_least_first() -> None:
    names = [pressure.name for pressure in LADDER]
    assert names == [
        "none",
        "no_speculation",
        "step_1_5",
        "step_2",
        "step_3",
        "short_windows",
        "fewer_partials",
        "no_partials",
        "no_retries",
        "small_finals",
        "refuse",
    ]


OBSERVED = st.lists(st.tuples(st.floats(0, 5), st.floats(0, 30)), max_size=80)


@given(OBSERVED)
def test_no_two_moves_are_closer_than_the_hold_and_none_skips_a_rung(
    observed: list[tuple[float, float]],
) -> None:
    ladder, now_s, moved_s, before = Ladder(), 0.0, -HOLD_S, 0
    for passed_s, wait_s in observed:
        now_s += passed_s
        level = ladder.observe(wait_s, now_s=now_s).level
        assert abs(level - before) <= 1
        if level != before:
            assert now_s - moved_s > HOLD_S - 1e-6
            moved_s, before = now_s, level
