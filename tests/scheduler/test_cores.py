import pytest

from whispercpp_ws.decoding import Priority
from whispercpp_ws.scheduler.cores import Cores


class Model:
    """A sharer that notes what it is asked to do."""

    def __init__(
        self,
        *,
        lanes: int = 2,
        threads: int = 0,
        leaving: int = 0,
        wanted: Priority | None = None,
        filled: list["Model"] | None = None,
    ) -> None:
        self.lanes = lanes
        self.threads = threads
        self.leaving = leaving
        self.wanted = wanted
        self.ended = 0
        self.most_lost = 0
        self._filled = [] if filled is None else filled

    def fill_lanes(self) -> None:
        self._filled.append(self)

    def end_partials(self, threads: int, *, most_lost: int) -> int:
        self.most_lost = most_lost
        self.ended = max(0, min(threads, self.threads))
        return self.ended


def shared(*models: Model) -> Cores:
    cores = Cores()
    for model in models:
        cores.join(model)
    return cores


@pytest.mark.parametrize(
    ("models", "idle"),
    [
        ([], 0),
        ([Model(lanes=2)], 2),
        ([Model(lanes=2, threads=2), Model(lanes=2)], 0),
        ([Model(lanes=1, threads=1), Model(lanes=4, threads=1)], 2),
        ([Model(lanes=2, threads=2), Model(lanes=2, threads=1)], -1),
    ],
)
def test_cores_are_idle_on_which_no_model_decodes(
    models: list[Model], idle: int
) -> None:
    assert shared(*models).idle == idle


def test_threads_and_ended_decodes_of_all_models_are_counted() -> None:
    cores = shared(Model(threads=2, leaving=1), Model(threads=1, leaving=2))
    assert (cores.busy, cores.leaving) == (3, 3)


def test_a_model_that_has_left_is_not_counted() -> None:
    gone, there = Model(lanes=8, threads=1), Model(lanes=2)
    cores = shared(gone, there)
    cores.leave(gone)
    assert (cores.busy, cores.idle) == (0, 2)


def test_idle_cores_are_offered_to_finals_first_and_to_all() -> None:
    filled: list[Model] = []
    idle = Model(filled=filled)
    partial = Model(wanted=Priority.PARTIAL, filled=filled)
    final = Model(wanted=Priority.FINAL, filled=filled)
    shared(idle, partial, final).fill()
    assert filled == [final, partial, idle]


def test_partials_are_ended_in_one_model_after_the_other() -> None:
    asking, first, second = Model(threads=2), Model(threads=1), Model(threads=2)
    cores = shared(asking, first, second)
    assert cores.end_partials(2, most_lost=1, of_others_than=asking) == 2
    assert [model.ended for model in (asking, first, second)] == [0, 1, 1]
    assert (asking.most_lost, second.most_lost) == (0, 1)
