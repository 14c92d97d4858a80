"""Partials go to the small model, and give way as if there were one queue."""

import asyncio

import pytest

from tests.scheduler.gated import GatedHost, request, settle
from whispercpp_ws.decoding import DecodeRequest, Priority
from whispercpp_ws.engines.base import EngineInfo
from whispercpp_ws.errors import EngineCrashed, Superseded
from whispercpp_ws.scheduler.scheduler import Scheduler
from whispercpp_ws.scheduler.two_pass import TwoPassScheduler, is_for_partial_model
from whispercpp_ws.transcript import Hypothesis


ENGLISH = EngineInfo("gated", "tiny.en", ("en",), lanes=1)
MANY = EngineInfo("gated", "tiny", ("en", "ru"), lanes=1)

Decode = asyncio.Task[Hypothesis]


class TwoHosts:
    """A large and a small model, one lane each."""

    def __init__(self) -> None:
        self.large = GatedHost(languages=("en", "ru"))
        self.small = GatedHost(languages=("en",))
        self.scheduler = TwoPassScheduler(
            final=Scheduler(self.large), partial=Scheduler(self.small)
        )

    async def ask(self, session_id: str, wanted: DecodeRequest) -> Decode:
        """Queue a decode and let everything run that can."""
        task = asyncio.create_task(self.scheduler.decode(session_id, wanted))
        await settle()
        return task


@pytest.fixture
def hosts() -> TwoHosts:
    return TwoHosts()


@pytest.mark.parametrize("priority", [Priority.FINAL, Priority.SPECULATIVE])
def test_what_becomes_a_final_is_not_for_the_partial_model(priority: Priority) -> None:
    assert not is_for_partial_model(request(1, priority), MANY)


@pytest.mark.parametrize(
    ("language", "model", "expected"),
    [
        ("en", ENGLISH, True),
        ("ru", ENGLISH, False),
        ("ru", MANY, True),
        ("auto", ENGLISH, False),
        ("auto", MANY, False),
    ],
)
def test_a_partial_goes_to_the_partial_model_in_a_language_it_knows(
    language: str, model: EngineInfo, expected: bool
) -> None:
    partial = request(1, Priority.PARTIAL, language=language)
    assert is_for_partial_model(partial, model) is expected


def test_under_overload_finals_go_to_the_small_model_if_it_knows_the_language() -> None:
    english, russian = request(1), request(2, language="ru")
    assert is_for_partial_model(english, ENGLISH, small_finals=True)
    assert not is_for_partial_model(russian, ENGLISH, small_finals=True)


async def test_a_final_does_not_wait_for_partials_nor_they_for_it(
    hosts: TwoHosts,
) -> None:
    partial = await hosts.ask("a", request(1, Priority.PARTIAL))
    final = await hosts.ask("b", request(2))
    assert (hosts.small.started, hosts.large.started) == ([1], [2])
    hosts.small.finish(1)
    hosts.large.finish(2)
    assert [(await task).text for task in (partial, final)] == ["1", "2"]


async def test_russian_partials_are_not_decoded_in_english(hosts: TwoHosts) -> None:
    partial = await hosts.ask("a", request(1, Priority.PARTIAL, language="ru"))
    assert (hosts.small.started, hosts.large.started) == ([], [1])
    hosts.large.finish(1)
    await partial


@pytest.mark.parametrize("priority", [Priority.FINAL, Priority.SPECULATIVE])
async def test_a_waiting_partial_gives_way_to_a_final_in_the_other_queue(
    hosts: TwoHosts, priority: Priority
) -> None:
    busy = await hosts.ask("b", request(0, Priority.PARTIAL))
    partial = await hosts.ask("a", request(1, Priority.PARTIAL))
    final = await hosts.ask("a", request(2, priority))
    with pytest.raises(Superseded):
        await partial
    hosts.small.finish(0)
    hosts.large.finish(2)
    await asyncio.gather(busy, final)
    assert hosts.small.started == [0]


async def test_a_partial_that_runs_gives_way_to_a_final_of_the_other_model(
    hosts: TwoHosts,
) -> None:
    partial = await hosts.ask("a", request(1, Priority.PARTIAL))
    final = await hosts.ask("a", request(2))
    with pytest.raises(Superseded):
        await partial
    assert hosts.small.cancelled == [1]
    hosts.small.finish(1)
    hosts.large.finish(2)
    assert (await final).text == "2"


async def test_another_sessions_final_leaves_a_waiting_partial_alone(
    hosts: TwoHosts,
) -> None:
    busy = await hosts.ask("b", request(0, Priority.PARTIAL))
    partial = await hosts.ask("a", request(1, Priority.PARTIAL))
    final = await hosts.ask("c", request(2))
    for host, request_id in ((hosts.large, 2), (hosts.small, 0), (hosts.small, 1)):
        host.finish(request_id)
        await settle()
    assert [(await task).text for task in (busy, partial, final)] == ["0", "1", "2"]


async def test_a_newer_partial_in_the_other_queue_takes_the_place_of_a_waiting_one(
    hosts: TwoHosts,
) -> None:
    busy = await hosts.ask("b", request(0))
    russian = await hosts.ask("a", request(1, Priority.PARTIAL, language="ru"))
    english = await hosts.ask("a", request(2, Priority.PARTIAL))
    with pytest.raises(Superseded):
        await russian
    hosts.large.finish(0)
    hosts.small.finish(2)
    await asyncio.gather(busy, english)


async def test_a_crash_of_the_partial_model_does_not_touch_finals(
    hosts: TwoHosts,
) -> None:
    partial = await hosts.ask("a", request(1, Priority.PARTIAL))
    final = await hosts.ask("b", request(2))
    hosts.small.gates[1].set_exception(EngineCrashed("gone"))
    with pytest.raises(EngineCrashed):
        await partial
    hosts.large.finish(2)
    assert (await final).text == "2"


def test_the_server_is_told_of_both_models(hosts: TwoHosts) -> None:
    assert hosts.scheduler.info is hosts.large.info
    assert hosts.scheduler.partial_info is hosts.small.info
