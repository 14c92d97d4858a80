"""Decodes of all models and sessions on one machine's cores."""

import asyncio

import pytest

from tests.scheduler.gated import GatedHost, ask, request, settle
from whispercpp_ws.decoding import Priority
from whispercpp_ws.errors import Superseded
from whispercpp_ws.scheduler.cores import Cores
from whispercpp_ws.scheduler.policy import MAX_WAITING
from whispercpp_ws.scheduler.scheduler import Scheduler


class TwoModels:
    """Two models on the same cores, each with as many lanes as there are cores."""

    def __init__(self, lanes: int = 2) -> None:
        cores = Cores()
        self.large = GatedHost(lanes, stops_at_once=True)
        self.small = GatedHost(lanes, stops_at_once=True)
        self.finals = Scheduler(self.large, cores=cores)
        self.partials = Scheduler(self.small, cores=cores)


async def test_what_comes_while_a_final_has_all_cores_waits_for_it() -> None:
    host = GatedHost(lanes=2, stops_at_once=True)
    scheduler = Scheduler(host)
    tasks = [
        await ask(scheduler, str(number), request(number, kind))
        for number, kind in enumerate((Priority.FINAL, Priority.PARTIAL))
    ]
    assert host.threads == {0: 2}
    host.finish(0)
    await settle()
    assert host.threads == {0: 2, 1: 2}
    host.finish(1)
    await asyncio.gather(*tasks)


async def test_a_partial_of_another_model_waits_for_the_cores_of_a_final() -> None:
    models = TwoModels()
    final = await ask(models.finals, "a", request(1))
    partial = await ask(models.partials, "b", request(2, Priority.PARTIAL))
    assert (models.large.threads, models.small.threads) == ({1: 2}, {})
    models.large.finish(1)
    await settle()
    assert models.small.threads == {2: 2}
    models.small.finish(2)
    await asyncio.gather(final, partial)


async def test_a_final_takes_only_cores_on_which_no_model_decodes() -> None:
    models = TwoModels(lanes=5)
    partial = await ask(models.partials, "b", request(1, Priority.PARTIAL))
    final = await ask(models.finals, "a", request(2))
    assert (models.small.threads, models.large.threads) == ({1: 2}, {2: 3})
    models.small.finish(1)
    models.large.finish(2)
    await asyncio.gather(final, partial)


@pytest.mark.parametrize("lanes", [2, 3])
async def test_a_partial_of_another_model_is_ended_for_a_lone_final(lanes: int) -> None:
    models = TwoModels(lanes)
    partial = await ask(models.partials, "b", request(1, Priority.PARTIAL))
    final = await ask(models.finals, "a", request(2))
    assert models.small.cancelled == [1]
    assert models.large.started == []
    models.small.finish(1)
    await settle()
    assert models.large.threads == {2: lanes}
    with pytest.raises(Superseded):
        await partial
    models.large.finish(2)
    await final


async def test_a_core_that_is_idle_again_goes_to_a_final_first() -> None:
    models = TwoModels(lanes=1)
    busy = await ask(models.partials, "a", request(1, language="auto"))
    partial = await ask(models.partials, "b", request(2, Priority.PARTIAL))
    final = await ask(models.finals, "c", request(3))
    models.small.finish(1)
    await settle()
    assert (models.large.started, models.small.started) == ([3], [1])
    models.large.finish(3)
    await settle()
    models.small.finish(2)
    await asyncio.gather(busy, partial, final)


async def test_what_waits_for_a_model_that_has_left_is_still_started() -> None:
    models = TwoModels(lanes=1)
    running = await ask(models.finals, "a", request(1))
    waiting = await ask(models.finals, "b", request(2))
    models.finals.close()
    models.large.finish(1)
    await settle()
    models.large.finish(2)
    assert [h.text for h in await asyncio.gather(running, waiting)] == ["1", "2"]


async def test_lanes_whose_decodes_cannot_be_ended_wait_for_no_core() -> None:
    host = GatedHost(lanes=2)
    scheduler = Scheduler(host)
    tasks = [await ask(scheduler, str(number), request(number)) for number in (1, 2)]
    assert host.threads == {1: 2, 2: 1}
    for number in (1, 2):
        host.finish(number)
    await asyncio.gather(*tasks)


async def test_no_session_loses_two_partials_in_a_row_for_lone_finals() -> None:
    models = TwoModels()
    outcomes = []
    for number in range(1, 10, 2):
        partial = await ask(models.partials, "a", request(number, Priority.PARTIAL))
        final = await ask(models.finals, "file", request(number + 1))
        outcomes.append("ended" if partial.done() else "runs on")
        models.small.finish(number)
        await settle()
        models.large.finish(number + 1)
        await asyncio.gather(partial, final, return_exceptions=True)
    assert outcomes == ["ended", "runs on", "ended", "runs on", "ended"]
    assert models.small.threads == {1: 2, 3: 1, 5: 2, 7: 1, 9: 2}


async def test_no_session_loses_three_partials_in_a_row_for_any_finals() -> None:
    models, outcomes = TwoModels(), list[str]()
    for number in range(0, 15, 3):
        partial = await ask(models.partials, "a", request(number, Priority.PARTIAL))
        finals = [
            await ask(models.finals, str(other), request(number + other))
            for other in (1, 2)
        ]
        outcomes.append("ended" if partial.done() else "runs on")
        models.small.finish(number)
        await settle()
        for other in (1, 2):
            models.large.finish(number + other)
            await settle()
        await asyncio.gather(partial, *finals, return_exceptions=True)
    assert outcomes == ["ended", "ended", "runs on", "ended", "ended"]


async def test_sessions_that_lost_a_partial_are_remembered_up_to_a_limit() -> None:
    host = GatedHost(lanes=1, stops_at_once=True)
    scheduler = Scheduler(host)
    for number in range(MAX_WAITING + 1):
        name = str(number)
        partial = await ask(scheduler, name, request(2 * number, Priority.PARTIAL))
        final = await ask(scheduler, "b", request(2 * number + 1))
        host.finish(2 * number)
        await settle()
        host.finish(2 * number + 1)
        await asyncio.gather(partial, final, return_exceptions=True)
    assert len(scheduler._lost) == MAX_WAITING
