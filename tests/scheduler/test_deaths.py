import pytest
from hypothesis import given
from hypothesis import strategies as st

from whispercpp_ws.scheduler.deaths import REPEATED_S, SAME_S, SHAKY_S, Deaths


def after(*deaths_s: float) -> Deaths:
    deaths = Deaths()
    for at_s in deaths_s:
        deaths.note(at_s)
    return deaths


def test_one_death_is_chance() -> None:
    assert not Deaths().are_expected(0.0)
    assert not after(5.0).are_expected(5.0)


def test_after_two_deaths_a_third_is_expected_for_a_while() -> None:
    deaths = after(5.0, 7.0)
    assert deaths.are_expected(7.0)
    assert not deaths.are_expected(7.0 + SHAKY_S)


@pytest.mark.parametrize("passed_s", [0.0, SAME_S / 2, REPEATED_S + 0.1])
def test_what_comes_together_or_far_apart_does_not_repeat(passed_s: float) -> None:
    assert not after(5.0, 5.0 + passed_s).are_expected(5.0 + passed_s)


def test_decodes_that_fail_one_after_the_other_of_one_death_are_one() -> None:
    assert not after(*(5.0 + 0.9 * SAME_S * step for step in (0, 1))).are_expected(5.5)


@given(st.floats(0.6, SHAKY_S - 0.1))
def test_an_engine_that_is_killed_again_and_again_stays_suspect(every_s: float) -> None:
    deaths = after(0.0, every_s)
    for kill in range(2, 30):
        assert deaths.are_expected(kill * every_s - 0.01)
        deaths.note(kill * every_s)
