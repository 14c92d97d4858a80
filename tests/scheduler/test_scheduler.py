import asyncio
import itertools
from collections.abc import Sequence

import pytest

from tests.scheduler.gated import GatedHost, ask, request, settle
from whispercpp_ws.decoding import DecodeRequest, Priority
from whispercpp_ws.errors import EngineCrashed, Overloaded, Superseded
from whispercpp_ws.scheduler.cost import FIRST_S_PER_FRAME
from whispercpp_ws.scheduler.deaths import SHAKY_S
from whispercpp_ws.scheduler.load import LoadMeter
from whispercpp_ws.scheduler.scheduler import Scheduler
from whispercpp_ws.transcript import Hypothesis


async def test_a_decode_returns_what_the_host_said() -> None:
    host = GatedHost()
    scheduler = Scheduler(host)
    task = asyncio.create_task(scheduler.decode("a", request(1)))
    await settle()
    host.finish(1)
    assert (await task).text == "1"
    assert scheduler.info.engine == "gated"


async def test_no_more_decodes_run_than_there_are_lanes() -> None:
    host = GatedHost(lanes=2)
    scheduler = Scheduler(host)
    tasks = [
        asyncio.create_task(scheduler.decode(str(i), request(i))) for i in range(3)
    ]
    await settle()
    assert (host.started, scheduler.waiting) == ([0, 1], 1)
    host.finish(1)
    await settle()
    assert host.started == [0, 1, 2]
    host.finish(0)
    host.finish(2)
    assert [h.text for h in await asyncio.gather(*tasks)] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("lanes", "kinds", "threads"),
    [
        (3, (Priority.SPECULATIVE, Priority.FINAL, Priority.PARTIAL), [3, 1, 1]),
        # A lone partial takes a second core and leaves the others to a final.
        (4, (Priority.PARTIAL, Priority.PARTIAL, Priority.FINAL), [2, 1, 1]),
        (2, (Priority.PARTIAL, Priority.FINAL), [2, 1]),
    ],
)
async def test_a_decode_takes_the_cores_of_idle_lanes(
    lanes: int, kinds: Sequence[Priority], threads: list[int]
) -> None:
    host = GatedHost(lanes=lanes)
    scheduler = Scheduler(host)
    tasks = []
    for number, kind in enumerate(kinds):
        decode = scheduler.decode(str(number), request(number, kind))
        tasks.append(asyncio.create_task(decode))
        await settle()
    assert list(host.threads.values()) == threads
    for number in range(len(kinds)):
        host.finish(number)
    await asyncio.gather(*tasks)


async def test_a_final_takes_no_cores_while_others_wait_or_beyond_a_limit() -> None:
    host = GatedHost(lanes=16)
    scheduler = Scheduler(host)
    tasks = [asyncio.create_task(scheduler.decode(str(i), request(i))) for i in (0, 1)]
    await settle()
    assert host.threads == {0: 4, 1: 4}
    for number in (0, 1):
        host.finish(number)
    await asyncio.gather(*tasks)


async def test_a_final_of_another_session_passes_a_waiting_partial() -> None:
    host = GatedHost()
    scheduler = Scheduler(host)
    tasks = [
        asyncio.create_task(scheduler.decode(str(i), request(i, priority)))
        for i, priority in enumerate((Priority.FINAL, Priority.PARTIAL, Priority.FINAL))
    ]
    for request_id in (0, 2, 1):
        await settle()
        host.finish(request_id)
    await asyncio.gather(*tasks)
    assert host.started == [0, 2, 1]


async def test_a_waiting_partial_gives_way_to_its_sessions_final() -> None:
    host = GatedHost()
    scheduler = Scheduler(host)
    busy = asyncio.create_task(scheduler.decode("b", request(0)))
    partial = asyncio.create_task(scheduler.decode("a", request(1, Priority.PARTIAL)))
    await settle()
    final = asyncio.create_task(scheduler.decode("a", request(2)))
    with pytest.raises(Superseded):
        await partial
    for request_id in (0, 2):
        await settle()
        host.finish(request_id)
    await asyncio.gather(busy, final)
    assert host.started == [0, 2]


async def test_a_partial_gives_way_to_a_decode_elsewhere() -> None:
    host = GatedHost()
    scheduler = Scheduler(host)
    busy = asyncio.create_task(scheduler.decode("b", request(0)))
    final = asyncio.create_task(scheduler.decode("a", request(1)))
    partial = asyncio.create_task(scheduler.decode("c", request(2, Priority.PARTIAL)))
    await settle()
    for session_id in ("a", "b", "c"):
        scheduler.supersede(session_id, Priority.PARTIAL)
    with pytest.raises(Superseded):
        await partial
    for request_id in (0, 1):
        await settle()
        host.finish(request_id)
    await asyncio.gather(busy, final)


def test_one_scheduler_has_no_other_model_for_partials() -> None:
    assert Scheduler(GatedHost()).partial_info is None


@pytest.mark.parametrize("running", [Priority.PARTIAL, Priority.SPECULATIVE])
@pytest.mark.parametrize("newer", [Priority.SPECULATIVE, Priority.FINAL])
async def test_what_runs_for_a_session_gives_way_to_its_final(
    running: Priority, newer: Priority
) -> None:
    host = GatedHost()
    scheduler = Scheduler(host)
    old = await ask(scheduler, "a", request(1, running))
    new = await ask(scheduler, "a", request(2, newer))
    with pytest.raises(Superseded):
        await old
    # Its lane is free only when the host has let go of it.
    assert (host.cancelled, host.started) == ([1], [1])
    host.finish(1)
    await settle()
    host.finish(2)
    assert (await new).text == "2"


async def test_a_lone_final_waits_for_the_lane_of_its_partial_and_takes_both() -> None:
    host = GatedHost(lanes=2)
    scheduler = Scheduler(host)
    partial = await ask(scheduler, "a", request(1, Priority.PARTIAL))
    final = await ask(scheduler, "a", request(2, Priority.SPECULATIVE))
    assert host.started == [1]
    host.finish(1)
    await settle()
    assert host.threads[2] == 2
    host.finish(2)
    await final
    with pytest.raises(Superseded):
        await partial


async def test_a_final_beside_others_that_wait_takes_the_lane_that_is_free() -> None:
    host = GatedHost(lanes=2)
    scheduler = Scheduler(host)
    partial = await ask(scheduler, "a", request(1, Priority.PARTIAL))
    tasks = [
        await ask(scheduler, name, request(number, Priority.SPECULATIVE))
        for number, name in ((2, "a"), (3, "b"))
    ]
    assert host.started == [1, 2]
    for number in (1, 2):
        host.finish(number)
        await settle()
    host.finish(3)
    await asyncio.gather(*tasks)
    with pytest.raises(Superseded):
        await partial


@pytest.mark.parametrize("newer", [Priority.SPECULATIVE, Priority.FINAL])
async def test_a_final_ends_the_partial_of_another_where_that_frees_a_lane_at_once(
    newer: Priority,
) -> None:
    host = GatedHost(lanes=3, stops_at_once=True)
    scheduler = Scheduler(host)
    ended = await ask(scheduler, "a", request(1, Priority.PARTIAL))
    kept = await ask(scheduler, "b", request(2))
    final = await ask(scheduler, "c", request(3, newer))
    assert host.threads == {1: 2, 2: 1}
    with pytest.raises(Superseded):
        await ended
    assert host.cancelled == [1]
    for number in (1, 2, 3):
        host.finish(number)
        await settle()
    assert (await kept).text == "2"
    assert (await final).text == "3"


async def test_no_more_partials_are_ended_than_finals_wait() -> None:
    host = GatedHost(lanes=3, stops_at_once=True)
    scheduler = Scheduler(host)
    partials = [
        await ask(scheduler, name, request(number, Priority.PARTIAL))
        for number, name in enumerate("abc")
    ]
    final = await ask(scheduler, "d", request(3))
    other = await ask(scheduler, "e", request(4, Priority.PARTIAL))
    assert host.cancelled == [0]
    for number in (0, 1, 2, 3, 4):
        host.finish(number)
        await settle()
    outcomes = await asyncio.gather(*partials, final, other, return_exceptions=True)
    assert isinstance(outcomes[0], Superseded)
    assert [str(heard.text) for heard in outcomes[1:] if isinstance(heard, Hypothesis)]


@pytest.mark.parametrize(
    ("session_id", "running", "newer"),
    [
        ("b", request(1, Priority.PARTIAL), request(2)),
        ("a", request(1, Priority.FINAL), request(2)),
        ("a", request(1, Priority.PARTIAL, language="auto"), request(2)),
        ("a", request(1, Priority.SPECULATIVE), request(2, Priority.PARTIAL)),
    ],
    ids=["another session's", "a final", "a detection", "ahead of a partial"],
)
async def test_what_is_still_of_use_runs_on(
    session_id: str, running: DecodeRequest, newer: DecodeRequest
) -> None:
    host = GatedHost(lanes=2)
    scheduler = Scheduler(host)
    old = await ask(scheduler, session_id, running)
    new = await ask(scheduler, "a", newer)
    host.finish(1)
    host.finish(2)
    assert [h.text for h in await asyncio.gather(old, new)] == ["1", "2"]


async def test_a_caller_that_leaves_cancels_its_decode_once() -> None:
    host = GatedHost()
    scheduler = Scheduler(host)
    task = await ask(scheduler, "a", request(1, Priority.PARTIAL))
    scheduler.supersede("a", Priority.FINAL)
    task.cancel()
    await settle()
    assert (host.cancelled, task.cancelled()) == ([1], True)
    waiting = await ask(scheduler, "b", request(2))
    assert host.started == [1]
    host.finish(1)
    await settle()
    host.finish(2)
    assert (await waiting).text == "2"


async def test_a_partial_that_waited_too_long_is_never_run() -> None:
    host, now_s = GatedHost(), [0.0]
    scheduler = Scheduler(host, clock=lambda: now_s[0])
    busy = await ask(scheduler, "b", request(0))
    partial = await ask(scheduler, "a", request(1, Priority.PARTIAL))
    detection = await ask(scheduler, "c", request(2, Priority.PARTIAL, language="auto"))
    now_s[0] = 1.1
    for request_id in (0, 2):
        host.finish(request_id)
        await settle()
    with pytest.raises(Superseded):
        await partial
    await asyncio.gather(busy, detection)
    assert host.started == [0, 2]


async def test_the_load_is_told_what_waits_and_what_ran() -> None:
    ticks = itertools.count()
    host, load = GatedHost(), LoadMeter(lanes=1)
    scheduler = Scheduler(host, load=load, clock=lambda: float(next(ticks)))
    before = load._admission.load_with_one_more(now_s=0.0)
    tasks = [await ask(scheduler, str(i), request(i)) for i in range(3)]
    waiting_s = load._waiting_s[scheduler]
    assert waiting_s == pytest.approx(2 * 1500 * FIRST_S_PER_FRAME)
    for request_id in range(3):
        host.finish(request_id)
        await settle()
    await asyncio.gather(*tasks)
    assert load._waiting_s[scheduler] == 0.0
    assert load._admission.load_with_one_more(now_s=0.0) > before


async def test_a_full_queue_refuses_and_leaves_nobody_waiting_for_ever() -> None:
    host = GatedHost()
    scheduler = Scheduler(host, max_waiting=1)
    busy = asyncio.create_task(scheduler.decode("b", request(0)))
    partial = asyncio.create_task(scheduler.decode("a", request(1, Priority.PARTIAL)))
    await settle()
    waiting = asyncio.create_task(scheduler.decode("c", request(2)))
    with pytest.raises(Overloaded):
        await waiting
    final = asyncio.create_task(scheduler.decode("a", request(3)))
    with pytest.raises(Superseded):
        await partial
    for request_id in (0, 3):
        await settle()
        host.finish(request_id)
    await asyncio.gather(busy, final)


async def test_a_partial_cancelled_in_the_same_step_can_be_superseded() -> None:
    host = GatedHost()
    scheduler = Scheduler(host)
    busy = asyncio.create_task(scheduler.decode("b", request(0)))
    partial = asyncio.create_task(scheduler.decode("a", request(1, Priority.PARTIAL)))
    await settle()
    partial.cancel()
    scheduler.supersede("a", Priority.PARTIAL)
    await settle()
    host.finish(0)
    await busy
    assert partial.cancelled()


async def test_a_hosts_error_reaches_its_caller_and_frees_the_lane() -> None:
    host = GatedHost()
    scheduler = Scheduler(host)
    first = asyncio.create_task(scheduler.decode("a", request(1)))
    second = asyncio.create_task(scheduler.decode("b", request(2)))
    await settle()
    host.gates[1].set_exception(EngineCrashed("gone"))
    with pytest.raises(EngineCrashed):
        await first
    await settle()
    host.finish(2)
    assert (await second).text == "2"


@pytest.mark.parametrize("outcome", ["result", "error"])
async def test_a_caller_that_left_does_not_hold_its_place(outcome: str) -> None:
    host = GatedHost()
    scheduler = Scheduler(host)
    running = asyncio.create_task(scheduler.decode("a", request(1)))
    waiting = asyncio.create_task(scheduler.decode("b", request(2)))
    await settle()
    for task in (running, waiting):
        task.cancel()
    await settle()
    assert scheduler.waiting == 0
    if outcome == "result":
        host.finish(1)
    else:
        host.gates[1].set_exception(EngineCrashed("gone"))
    await settle()
    assert host.started == [1]


async def killed_during(scheduler: Scheduler, host: GatedHost, request_id: int) -> None:
    died = await ask(scheduler, "a", request(request_id))
    host.gates[request_id].set_exception(EngineCrashed("killed"))
    with pytest.raises(EngineCrashed):
        await died


async def test_after_one_death_decodes_run_side_by_side_as_before() -> None:
    host = GatedHost(lanes=2)
    scheduler = Scheduler(host)
    await killed_during(scheduler, host, 0)
    tasks = [await ask(scheduler, str(number), request(number)) for number in (1, 2)]
    assert host.started == [0, 1, 2]
    for number in (1, 2):
        host.finish(number)
    await asyncio.gather(*tasks)


async def test_after_two_deaths_decodes_run_one_by_one_on_all_threads() -> None:
    host, now_s = GatedHost(lanes=2), 0.0
    scheduler = Scheduler(host, clock=lambda: now_s)
    await killed_during(scheduler, host, -1)
    now_s = 2.0
    await killed_during(scheduler, host, 0)
    host.started.remove(-1)
    tasks = [
        asyncio.create_task(scheduler.decode(str(number), request(number)))
        for number in (1, 2, 3, 4)
    ]
    await settle()
    assert (host.started, host.threads[1]) == ([0, 1], 2)
    host.finish(1)
    await settle()
    assert (host.started, host.threads[2]) == ([0, 1, 2], 2)
    now_s = 2.0 + SHAKY_S
    host.finish(2)
    await settle()
    assert (host.started, host.threads[3]) == ([0, 1, 2, 3, 4], 1)
    for number in (3, 4):
        host.finish(number)
    await asyncio.gather(*tasks)


async def load_of_a_final(*, lanes: int, taken_s: float) -> float:
    """Run one final alone and return the load that is told from it."""
    now_s = 0.0
    meter, host = LoadMeter(lanes=2, clock=lambda: now_s), GatedHost(lanes)
    scheduler = Scheduler(host, load=meter, clock=lambda: now_s)
    task = asyncio.create_task(scheduler.decode("a", request(1)))
    await settle()
    now_s = taken_s
    host.finish(1)
    await task
    return meter._admission.load_with_one_more(now_s=now_s)


async def test_a_final_on_two_threads_counts_as_what_it_takes_on_one() -> None:
    on_two = await load_of_a_final(lanes=2, taken_s=1.0)
    on_one = await load_of_a_final(lanes=1, taken_s=1.41)
    assert on_two == pytest.approx(on_one, rel=0.01)
