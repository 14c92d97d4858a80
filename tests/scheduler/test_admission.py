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
            admission.note_audio(str(session), 1.0, is_speech=True, now_s=second / pace)
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


def idlers_let_in(admission: Admission, *, at_s: float, wanted: int) -> int:
    came = 0
    while came < wanted and admission.fits(now_s=at_s):
        admission.note_admitted(now_s=at_s)
        came += 1
    return came


def test_a_thousand_idle_connections_come_in_within_half_a_minute() -> None:
    admission = Admission(lanes=2, first_cost=0.15)
    came, at_s = 0, 0.0
    while came < 1000 and at_s < 60:
        came += idlers_let_in(admission, at_s=at_s, wanted=1000 - came)
        at_s += NEWCOMER_S
    assert at_s < 30


def test_silence_makes_nobody_a_speaker_and_costs_nothing() -> None:
    admission = Admission(lanes=2, first_cost=0.1)
    before = admission.load_with_one_more(now_s=0.0)
    for session in range(100):
        admission.note_audio(str(session), 1.0, is_speech=False, now_s=0.0)
    assert admission.load_with_one_more(now_s=0.0) == before


def test_speakers_that_come_at_once_are_refused_at_once_and_so_are_staggered_ones() -> (
    None
):
    together = Admission(lanes=2, first_cost=0.19)
    assert idlers_let_in(together, at_s=0.0, wanted=20) == 7
    staggered, came = Admission(lanes=2, first_cost=0.19), 0
    for number in range(20):
        at_s = 0.7 * number
        for other in range(came):
            staggered.note_audio(str(other), 0.7, is_speech=True, now_s=at_s)
            staggered.note_work(0.7 * 0.19, is_partial=False)
        came += idlers_let_in(staggered, at_s=at_s, wanted=1)
    assert 6 <= came <= 8


def test_after_a_crowd_of_idlers_few_speakers_are_enough_to_be_careful_again() -> None:
    admission = Admission(lanes=2, first_cost=0.19)
    for round_ in range(20):
        idlers_let_in(admission, at_s=round_ * NEWCOMER_S, wanted=1000)
    at_s = 21 * NEWCOMER_S
    assert admission.fits(now_s=at_s)
    for speaker in range(3):
        admission.note_admitted(now_s=at_s)
        admission.note_audio(str(speaker), 0.0, is_speech=True, now_s=at_s)
    assert idlers_let_in(admission, at_s=at_s, wanted=20) < 9


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
    admission.note_audio("a", 0.0, is_speech=True, now_s=0.0)
    assert admission.load_with_one_more(now_s=0.0) == before


def test_who_falls_silent_or_leaves_makes_room() -> None:
    admission = Admission(lanes=2, first_cost=0.1)
    now_s = speak(admission, 2, cost=0.5)
    assert not admission.fits(now_s=now_s)
    assert admission.fits(now_s=now_s + SPEAKING_S)
    admission.note_left("1")
    assert admission.fits(now_s=now_s)
    admission.note_left("unheard of")


def test_partials_count_as_much_as_finals() -> None:
    finals, partials = (Admission(lanes=2, first_cost=0.0) for _ in range(2))
    finals.note_work(0.3, is_partial=False)
    partials.note_work(0.3, is_partial=True)
    loads = [each.load_with_one_more(now_s=0.0) for each in (finals, partials)]
    assert loads[0] == pytest.approx(loads[1])


def test_partials_that_are_given_up_make_no_speaker_look_cheap() -> None:
    admission = Admission(lanes=2, first_cost=0.0, first_partial_cost=0.4)
    for second in range(300):
        now_s = float(second)
        admission.note_audio("a", 1.0, is_speech=True, now_s=now_s, sheds=True)
        admission.note_work(0.2, is_partial=False, sheds=True)
        admission.note_work(0.1, is_partial=True, sheds=True)
    assert admission.speaker_cost == pytest.approx(0.6, rel=0.05)


@pytest.mark.parametrize(("final", "partial"), [(0.2, 0.41), (0.24, 0.23)])
def test_whoever_is_let_in_together_stays_below_the_bound(
    final: float, partial: float
) -> None:
    """Base with its own partials, and with those of tiny.en, as measured on 2 lanes."""
    admission = Admission(lanes=2, first_cost=0.25, first_partial_cost=0.25)
    admitted: list[str] = []
    for tenth in range(900):
        now_s = tenth / 10
        for session in admitted:
            admission.note_audio(session, 0.1, is_speech=True, now_s=now_s)
            admission.note_work(0.1 * partial, is_partial=True)
            # A final comes after eleven seconds, all at once.
            if (tenth + 7 * int(session)) % 110 == 109:
                admission.note_work(11 * final, is_partial=False)
        if tenth % 7 == 0 and admission.fits(now_s=now_s):
            admission.note_admitted(now_s=now_s)
            admitted.append(str(len(admitted)))
    assert len(admitted) >= 2
    assert len(admitted) * (final + partial) / 2 <= MOST_LOAD + 0.01


def test_a_faster_model_makes_speakers_cheaper_at_once() -> None:
    admission = Admission(lanes=1, first_cost=0.4, first_partial_cost=0.3)
    admission.note_admitted(now_s=0.0)
    assert not admission.fits(now_s=0.0)
    admission.note_final_model(0.1)
    admission.note_partial_model(0.1)
    assert admission.speaker_cost == pytest.approx(0.2)
    assert admission.fits(now_s=0.0)


def test_what_was_learned_of_a_model_is_carried_over_to_the_next() -> None:
    admission = Admission(lanes=2, first_cost=0.4)
    speak(admission, 1, cost=0.2, seconds=600)
    admission.note_final_model(0.1)
    assert admission.speaker_cost == pytest.approx(0.05, rel=0.05)


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
            admission.note_audio(what, seconds, is_speech=True, now_s=now_s)
        load = admission.load_with_one_more(now_s=now_s)
        assert load >= 0.0
        if what in ("admit", "work"):
            assert load >= before
        if load <= MOST_LOAD:
            assert admission.fits(now_s=now_s)


def test_a_second_speaker_gets_the_benefit_of_the_doubt_and_a_third_does_not() -> None:
    for cost, comes_in in ((0.8, 2), (0.9, 1)):
        admission = Admission(lanes=2, first_cost=cost)
        assert idlers_let_in(admission, at_s=0.0, wanted=20) == comes_in


def test_once_somebody_has_spoken_there_is_no_doubt() -> None:
    admission = Admission(lanes=2, first_cost=0.8)
    now_s = speak(admission, 1, cost=0.8)
    assert not admission.fits(now_s=now_s)
    admission.note_final_model(0.8)
    assert admission.fits(now_s=now_s)
