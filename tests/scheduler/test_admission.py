import pytest
from hypothesis import given
from hypothesis import strategies as st

from whispercpp_ws.scheduler.admission import (
    MOST_LOAD,
    NEWCOMER_S,
    SPEAKING_S,
    Admission,
)


def speak(
    admission: Admission,
    sessions: int,
    *,
    cost: float,
    seconds: int = 200,
    pace: float = 1.0,
) -> float:
    """Let sessions send audio that costs so much for each second; returns the time."""
    for second in range(1, seconds + 1):
        for session in range(sessions):
            admission.note_audio(str(session), 1.0, now_s=second / pace)
            admission.note_work(cost, is_partial=False)
    return seconds / pace


def test_the_first_may_come_however_slow_the_machine() -> None:
    assert Admission(lanes=1, first_cost=5.0).fits(now_s=0.0)


def test_newcomers_count_before_they_speak() -> None:
    admission = Admission(lanes=2, first_cost=0.19)
    came = 0
    while admission.fits(now_s=0.0):
        admission.note_admitted(now_s=0.0)
        came += 1
    assert came == 7
    assert admission.fits(now_s=NEWCOMER_S)


@pytest.mark.parametrize("pace", [1.0, 20.0])
def test_what_audio_costs_is_learned_however_fast_it_comes(pace: float) -> None:
    admission = Admission(lanes=2, first_cost=0.1)
    now_s = speak(admission, 2, cost=0.5, pace=pace)
    assert not admission.fits(now_s=now_s)
    load = admission.load_with_one_more(now_s=now_s)
    assert load == pytest.approx(0.75, rel=0.05)


def test_a_newcomer_who_leaves_without_a_word_makes_room() -> None:
    admission = Admission(lanes=2, first_cost=0.1)
    before = admission.load_with_one_more(now_s=0.0)
    number = admission.note_admitted(now_s=0.0)
    admission.note_gone(number)
    admission.note_gone(number)
    assert admission.load_with_one_more(now_s=0.0) == before


def test_a_newcomer_who_speaks_is_counted_once() -> None:
    admission = Admission(lanes=2, first_cost=0.1)
    admission.note_admitted(now_s=0.0)
    before = admission.load_with_one_more(now_s=0.0)
    admission.note_audio("a", 0.0, now_s=0.0)
    assert admission.load_with_one_more(now_s=0.0) == before


def test_who_falls_silent_or_leaves_makes_room() -> None:
    admission = Admission(lanes=2, first_cost=0.1)
    now_s = speak(admission, 2, cost=0.5)
    assert not admission.fits(now_s=now_s)
    assert admission.fits(now_s=now_s + SPEAKING_S)
    admission.note_left("1")
    assert admission.fits(now_s=now_s)
    admission.note_left("unheard of")


def test_partials_count_for_what_is_left_of_them_under_pressure() -> None:
    finals, partials = (Admission(lanes=2, first_cost=0.0) for _ in range(2))
    finals.note_work(0.3, is_partial=False)
    partials.note_work(0.9, is_partial=True)
    loads = [each.load_with_one_more(now_s=0.0) for each in (finals, partials)]
    assert loads[0] == pytest.approx(loads[1])


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["admit", "work", "a", "b", "c"]),
        st.floats(0, 20),
        st.floats(0, 3),
    ),
    max_size=60,
)


@given(EVENTS, st.integers(1, 8))
def test_more_speakers_never_fit_better(
    events: list[tuple[str, float, float]], lanes: int
) -> None:
    admission, now_s = Admission(lanes=lanes, first_cost=0.2), 0.0
    for what, passed_s, seconds in events:
        now_s += passed_s
        before = admission.load_with_one_more(now_s=now_s)
        if what == "admit":
            admission.note_admitted(now_s=now_s)
        elif what == "work":
            admission.note_work(seconds, is_partial=False)
        else:
            admission.note_audio(what, seconds, now_s=now_s)
        load = admission.load_with_one_more(now_s=now_s)
        assert load >= 0.0
        if what in ("admit", "work"):
            assert load >= before
        if load <= MOST_LOAD:
            assert admission.fits(now_s=now_s)
