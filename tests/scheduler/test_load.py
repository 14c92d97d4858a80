import pytest

from whispercpp_ws.decoding import Priority
from whispercpp_ws.engines.base import EngineInfo
from whispercpp_ws.errors import RETRY_AFTER_S, Overloaded
from whispercpp_ws.metrics import Metrics
from whispercpp_ws.scheduler.admission import NO_BOUND, SPEAKING_S
from whispercpp_ws.scheduler.deaths import SHAKY_S
from whispercpp_ws.scheduler.load import (
    FIRST_COST,
    FIRST_PARTIAL_COST,
    LEAST_FIRST_COST,
    MOST_FIRST_COST,
    NEWCOMERS_RETRY_S,
    LoadMeter,
    Unloaded,
)
from whispercpp_ws.scheduler.pressure import LADDER


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def pressed(meter: LoadMeter, clock: Clock, wait_s: float, seconds: float) -> int:
    for _ in range(round(seconds * 10)):
        clock.now_s += 0.1
        meter.note_waiting("a queue", wait_s)
    return meter.pressure.level


def test_sessions_come_in_until_the_lanes_are_taken() -> None:
    metrics = Metrics()
    meter = LoadMeter(lanes=2, metrics=metrics, clock=Clock())
    with pytest.raises(Overloaded, match="one more speaker"):
        for _ in range(100):
            meter.admit()
    value = metrics.registry.get_sample_value("whispercpp_ws_predicted_load")
    assert value is not None and value > 0.7


def test_silence_is_counted_while_decodes_are_wanted_and_none_is_done() -> None:
    clock = Clock()
    meter = LoadMeter(lanes=2, clock=clock)
    clock.now_s = 100.0
    assert meter.silent_s == 0.0
    meter.note_asked()
    clock.now_s = 110.0
    meter.note_asked()
    meter.note_answered(is_done=False)
    assert meter.silent_s == 10.0
    meter.note_asked()
    meter.note_answered(is_done=True)
    clock.now_s = 115.0
    assert meter.silent_s == 5.0
    meter.note_answered(is_done=False)
    assert meter.silent_s == Unloaded().silent_s == 0.0


def test_who_is_refused_for_newcomers_may_come_again_sooner() -> None:
    clock = Clock()
    meter = LoadMeter(lanes=2, clock=clock)
    meter.admit()
    with pytest.raises(Overloaded) as refused:
        for _ in range(100):
            meter.admit()
    assert refused.value.retry_s == NEWCOMERS_RETRY_S
    for speaker in "abcd":
        meter.note_audio(speaker, 0.1, is_speech=True)
    with pytest.raises(Overloaded) as refused:
        meter.admit()
    assert refused.value.retry_s == RETRY_AFTER_S


def test_work_makes_sessions_dearer() -> None:
    clock = Clock()
    meter = LoadMeter(lanes=1, clock=clock)
    for _ in range(100):
        meter.note_audio("a", 1.0, is_speech=True)
        meter.note_work(0.6, Priority.FINAL)
    with pytest.raises(Overloaded):
        meter.admit()
    meter.note_left("a")
    number = meter.admit()
    with pytest.raises(Overloaded):
        meter.admit()
    meter.note_gone(number)
    meter.admit()


def model(frame_s: float) -> EngineInfo:
    return EngineInfo("gated", "m", ("en",), 1, frame_s)


def test_on_a_fast_machine_a_second_speaker_comes_in_before_anybody_has_spoken() -> (
    None
):
    slow, fast = (LoadMeter(lanes=1, clock=Clock()) for _ in range(2))
    fast.note_final_model(model(0.0004))
    fast.note_partial_model(model(0.0004))
    for meter in (slow, fast):
        meter.admit()
    with pytest.raises(Overloaded):
        slow.admit()
    fast.admit()


@pytest.mark.parametrize(
    ("frame_s", "least", "most"),
    [
        (0.0, FIRST_COST, FIRST_COST + FIRST_PARTIAL_COST),
        (0.0015, 0.5, 0.56),
        (1e-9, LEAST_FIRST_COST, 3 * LEAST_FIRST_COST),
        (60.0, 1.0, MOST_FIRST_COST + FIRST_PARTIAL_COST),
    ],
)
def test_what_a_warm_up_tells_is_bounded(
    frame_s: float, least: float, most: float
) -> None:
    meter = LoadMeter(lanes=1)
    meter.note_final_model(model(frame_s))
    meter.note_partial_model(model(frame_s))
    assert least <= meter._admission.speaker_cost <= most


def test_a_slow_warm_up_is_forgotten_when_people_have_spoken() -> None:
    meter = LoadMeter(lanes=2, clock=Clock())
    meter.note_final_model(model(0.05))
    for _ in range(600):
        meter.note_audio("a", 1.0, is_speech=True)
        meter.note_work(0.2, Priority.FINAL)
    assert meter._admission.speaker_cost == pytest.approx(0.2, rel=0.05)


def test_the_queues_of_both_models_press_together() -> None:
    clock, metrics = Clock(), Metrics()
    meter = LoadMeter(lanes=1, metrics=metrics, clock=clock)
    meter.note_waiting("another queue", 0.4)
    assert pressed(meter, clock, 0.4, 5.0) > 0
    value = metrics.registry.get_sample_value("whispercpp_ws_pressure")
    assert value == meter.pressure.level


def test_at_the_top_of_the_ladder_nobody_comes_in() -> None:
    clock = Clock()
    meter = LoadMeter(lanes=1, clock=clock)
    assert pressed(meter, clock, 9.0, 60.0) == len(LADDER) - 1
    with pytest.raises(Overloaded):
        meter.admit()


def test_where_nobody_is_to_be_refused_all_come_in_even_at_the_top() -> None:
    clock = Clock()
    meter = LoadMeter(lanes=1, most_load=NO_BOUND, clock=clock)
    assert pressed(meter, clock, 9.0, 60.0) == len(LADDER) - 2
    for _ in range(1000):
        meter.admit()


def test_late_finals_climb_the_ladder_though_nothing_waits() -> None:
    clock, metrics = Clock(), Metrics()
    meter = LoadMeter(lanes=2, metrics=metrics, clock=clock)
    for _ in range(10):
        clock.now_s += 2.5
        meter.note_final(0.8)
    assert pressed(meter, clock, 0.0, 2.5) > 1
    value = metrics.registry.get_sample_value("whispercpp_ws_final_lateness_seconds")
    assert value == pytest.approx(0.55, abs=0.2)


def test_what_shed_partials_would_cost_is_not_forgotten() -> None:
    clock = Clock()
    meter = LoadMeter(lanes=2, clock=clock)
    before = meter._admission.speaker_cost
    assert pressed(meter, clock, 9.0, 10.0) > 0
    for _ in range(600):
        meter.note_audio("a", 1.0, is_speech=True)
        meter.note_work(FIRST_COST, Priority.FINAL)
    assert meter._admission.speaker_cost == pytest.approx(before, rel=0.05)


def test_after_an_engine_died_twice_only_finals_are_decoded_for_a_while() -> None:
    clock = Clock()
    meter = LoadMeter(lanes=1, clock=clock)
    meter.note_death()
    assert meter.pressure == LADDER[0]
    clock.now_s = 2.0
    meter.note_death()
    assert (meter.pressure.partial_share, meter.pressure.speculates) == (0.0, False)
    assert meter.pressure.admits
    clock.now_s = 2.0 + SHAKY_S
    assert meter.pressure == LADDER[0]


@pytest.mark.parametrize(
    ("lanes", "speakers", "is_shared"),
    [(1, 1, False), (2, 1, False), (2, 2, True), (4, 2, False), (4, 3, True)],
)
def test_lanes_are_shared_when_those_who_speak_cannot_have_two_each(
    lanes: int, speakers: int, is_shared: bool
) -> None:
    clock, metrics = Clock(), Metrics()
    meter = LoadMeter(lanes=lanes, metrics=metrics, clock=clock)
    for number in range(9):
        meter.note_audio(str(number), 1.0, is_speech=number < speakers)
    assert meter.is_shared is is_shared
    shown = metrics.registry.get_sample_value("whispercpp_ws_shared_lanes")
    assert shown == float(is_shared)
    clock.now_s = SPEAKING_S
    assert not meter.is_shared


def test_whose_a_session_is_is_known_until_it_is_over() -> None:
    meter = LoadMeter(lanes=1)
    meter.note_subject("a", "ann")
    assert (meter.subject_of("a"), meter.subject_of("b")) == ("ann", "")
    meter.note_left("a")
    assert meter.subject_of("a") == ""


def test_without_a_meter_everybody_may_come() -> None:
    Unloaded().note_subject("a", "ann")
    Unloaded().note_gone(Unloaded().admit())
    Unloaded().note_audio("a", 1.0, is_speech=True)
    Unloaded().note_final(9.0)
    Unloaded().note_left("a")
    assert Unloaded().pressure.level == 0
