from hypothesis import given
from hypothesis import strategies as st

from whispercpp_ws.scheduler.admission import MOST_LOAD, SPEAKING_S, Admission


def speak(
    admission: Admission, sessions: int, *, cost: float, until_s: int = 60
) -> None:
    """Let each session use `cost` lanes for a while, from second to second."""
    for second in range(1, until_s + 1):
        for session in range(sessions):
            admission.note_work(
                str(session), cost, is_partial=False, now_s=float(second)
            )


def test_the_first_may_come_however_slow_the_machine() -> None:
    assert Admission(lanes=1, first_cost=5.0).fits(now_s=0.0)


def test_newcomers_count_before_they_speak() -> None:
    admission = Admission(lanes=2, first_cost=0.19)
    came = 0
    while admission.fits(now_s=0.0):
        admission.note_admitted(now_s=0.0)
        came += 1
    assert came == 7
    assert admission.fits(now_s=SPEAKING_S)


def test_what_speakers_cost_is_learned() -> None:
    admission = Admission(lanes=2, first_cost=0.1)
    speak(admission, 2, cost=0.5)
    assert not admission.fits(now_s=60.0)
    assert 0.6 < admission.load_with_one_more(now_s=60.0) < 0.85


def test_a_newcomer_who_speaks_is_counted_once() -> None:
    admission = Admission(lanes=2, first_cost=0.1)
    admission.note_admitted(now_s=0.0)
    before = admission.load_with_one_more(now_s=0.0)
    admission.note_work("a", 0.0, is_partial=False, now_s=0.0)
    assert admission.load_with_one_more(now_s=0.0) == before


def test_who_falls_silent_makes_room() -> None:
    admission = Admission(lanes=2, first_cost=0.1)
    speak(admission, 4, cost=0.5)
    assert not admission.fits(now_s=60.0)
    assert admission.fits(now_s=60.0 + SPEAKING_S)


def test_partials_count_for_what_is_left_of_them_under_pressure() -> None:
    finals, partials = (Admission(lanes=2, first_cost=0.1) for _ in range(2))
    for second in range(60):
        now_s = float(second)
        finals.note_work("a", 0.3, is_partial=False, now_s=now_s)
        partials.note_work("a", 0.3, is_partial=True, now_s=now_s)
    assert (
        partials.load_with_one_more(now_s=60.0)
        < finals.load_with_one_more(now_s=60.0) / 2
    )


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["admit", "a", "b", "c"]), st.floats(0, 20), st.floats(0, 3)
    ),
    max_size=60,
)


@given(EVENTS, st.integers(1, 8))
def test_more_speakers_never_fit_better(
    events: list[tuple[str, float, float]], lanes: int
) -> None:
    admission, now_s = Admission(lanes=lanes, first_cost=0.2), 0.0
    for who, passed_s, taken_s in events:
        now_s += passed_s
        if who == "admit":
            before = admission.load_with_one_more(now_s=now_s)
            admission.note_admitted(now_s=now_s)
            assert admission.load_with_one_more(now_s=now_s) >= before
        else:
            admission.note_work(who, taken_s, is_partial=False, now_s=now_s)
        load = admission.load_with_one_more(now_s=now_s)
        assert load >= 0.0
        if load <= MOST_LOAD:
            assert admission.fits(now_s=now_s)
