from math import inf

from whispercpp_ws.scheduler.load import Unloaded
from whispercpp_ws.scheduler.pressure import LADDER, Pressure
from whispercpp_ws.server.shedding import SHARED_CONTEXT_S, Shedding
from whispercpp_ws.session.adaptation import Adaptation


class Pressed(Unloaded):
    def __init__(self, pressure: Pressure = LADDER[0]) -> None:
        self.pressure = pressure
        self.told: list[tuple[str, float | None]] = []

    def note_audio(self, session_id: str, seconds: float, *, is_speech: bool) -> None:
        self.told.append((session_id, seconds))

    def note_final(self, late_s: float) -> None:
        self.told.append(("a final", late_s))

    def note_left(self, session_id: str) -> None:
        self.told.append((session_id, None))


def rung(name: str) -> Pressure:
    return next(pressure for pressure in LADDER if pressure.name == name)


def shown(load: Pressed, *, session_id: str = "a", step_s: float = 0.5) -> int:
    """Count the partials of a minute that are left."""
    shedding = Shedding(load, session_id=session_id, step_ms=500)
    times = [step_s * (number + 1) for number in range(120)]
    return sum(not shedding.sheds_partial(at_s=at_s) for at_s in times)


def test_the_load_is_told_of_audio_by_the_piece_and_of_the_end() -> None:
    load = Pressed()
    shedding = Shedding(load, session_id="a", step_ms=500)
    for heard_s in (0.5, 2.0):
        shedding.note_heard(heard_s, is_speech=True)
    shedding.note_final(0.7)
    shedding.leave()
    told = [("a", 0.5), ("a", 1.5), ("a final", 0.7), ("a", None)]
    assert load.told == told


def test_without_pressure_every_partial_is_shown() -> None:
    assert shown(Pressed()) == 120


def test_a_stretched_step_thins_partials_out() -> None:
    counts = [shown(Pressed(rung(f"step_{n}"))) for n in ("1_5", "2", "3")]
    assert counts == [60, 60, 40]


def test_fewer_sessions_get_partials_and_always_the_same_ones() -> None:
    load = Pressed(rung("fewer_partials"))
    counts = [shown(load, session_id=str(number)) for number in range(200)]
    assert set(counts) == {0, 40}
    assert 60 < counts.count(0) < 140


def test_the_session_itself_asks_for_less_rung_by_rung() -> None:
    load = Pressed()
    shedding = Shedding(load, session_id="a", step_ms=500)
    assert shedding.adaptation == Adaptation()
    given_up = []
    for name in ("no_speculation", "short_windows", "no_retries"):
        load.pressure = rung(name)
        asks = shedding.adaptation
        given_up.append((asks.speculates, asks.partial_window_s, asks.retries))
    assert given_up == [(False, inf, True), (False, 2.5, True), (False, 2.5, False)]


def test_a_session_takes_in_less_earlier_speech_where_lanes_are_shared() -> None:
    load = Pressed()
    shedding = Shedding(load, session_id="a", step_ms=500)
    load.is_shared = True
    assert shedding.adaptation == Adaptation(context_s=SHARED_CONTEXT_S)
    assert shedding.news() is None


def test_a_session_is_told_once_what_it_gives_up_and_when_that_is_over() -> None:
    load = Pressed()
    shedding = Shedding(load, session_id="a", step_ms=500)
    assert shedding.news() is None
    said = []
    rungs = (
        *("no_speculation", "step_3", "step_3", "short_windows", "no_partials"),
        *("no_retries", "small_finals", "none"),
    )
    for name in rungs:
        load.pressure = rung(name)
        if (news := shedding.news()) is not None:
            said.append((news.code, news.step_ms, news.message.split(": ")[-1]))
    assert said == [
        ("overload", 500, "finals may come a little later"),
        ("overload", 1500, "fewer partials"),
        ("overload", 1500, "partials at pauses only"),
        ("overload", 1500, "partials at pauses only, finals decoded once"),
        ("overload", 1500, "a smaller model may decode finals"),
        ("overload", 500, "the server is no longer busy"),
    ]
