"""Models come and go while decodes run, and no decode is lost."""

import asyncio
from dataclasses import replace

import pytest

from tests.scheduler.gated import GatedHost, request, settle
from whispercpp_ws.decoding import DecodeRequest, Priority
from whispercpp_ws.engines.base import EngineInfo
from whispercpp_ws.errors import (
    BadModelFile,
    EngineCrashed,
    ModelInUse,
    ModelNotLoaded,
    Superseded,
)
from whispercpp_ws.scheduler import fleet
from whispercpp_ws.scheduler.fleet import ClosableHost, LoadedModel, ModelFleet
from whispercpp_ws.scheduler.load import FIRST_COST, FIRST_PARTIAL_COST, LoadMeter
from whispercpp_ws.transcript import Hypothesis


class NamedHost(GatedHost):
    """A gated host with a model's name, which notes that it was closed."""

    def __init__(self, name: str) -> None:
        super().__init__(lanes=2)
        self.info = EngineInfo("gated", name, ("en",), 2)
        self.closed = asyncio.Event()

    @property
    def is_closed(self) -> bool:
        return self.closed.is_set()

    async def aclose(self) -> None:
        assert all(gate.done() for gate in self.gates.values())
        self.closed.set()

    async def abandon(self) -> None:
        for gate in self.gates.values():
            gate.set_exception(EngineCrashed("closed"))
        self.closed.set()


class Shelf:
    """Hosts by the names of their models; "corrupt" cannot be loaded."""

    def __init__(self) -> None:
        self.hosts: dict[str, NamedHost] = {}
        self.fleet = ModelFleet(self.start)

    async def start(self, name: str) -> ClosableHost:
        if name == "corrupt":
            raise BadModelFile("corrupt: not a model")
        self.hosts[name] = NamedHost("base-q8_0" if name == "alias" else name)
        return self.hosts[name]

    async def ask(self, request: DecodeRequest) -> asyncio.Task[Hypothesis]:
        task = asyncio.create_task(self.fleet.decode("a", request))
        await settle()
        return task


@pytest.fixture
async def shelf() -> Shelf:
    shelf = Shelf()
    await shelf.fleet.use("base-q8_0")
    return shelf


def named(request_id: int, model: str) -> DecodeRequest:
    return replace(request(request_id), model=model)


async def test_a_request_goes_to_the_model_it_names(shelf: Shelf) -> None:
    await shelf.fleet.load("tiny.en-q8_0")
    tasks = [
        await shelf.ask(named(number, model))
        for number, model in enumerate(("", "tiny.en", "tiny.en-q8_0", "base", "gone"))
    ]
    for host, number in (("base", 0), ("tiny.en", 1), ("tiny.en", 2), ("base", 3)):
        shelf.hosts[f"{host}-q8_0"].finish(number)
        await settle()
    shelf.hosts["base-q8_0"].finish(4)
    texts = [hypothesis.text for hypothesis in await asyncio.gather(*tasks)]
    assert texts == ["0", "1", "2", "3", "4"]


async def test_what_is_loaded_is_told_with_its_decodes(shelf: Shelf) -> None:
    await shelf.fleet.load("small")
    task = await shelf.ask(named(1, "small"))
    assert shelf.fleet.loaded() == [
        LoadedModel("base-q8_0", 2, 0, True),
        LoadedModel("small", 2, 1, False),
    ]
    assert shelf.fleet.info.model == "base-q8_0"
    assert shelf.fleet.info_for("base") == shelf.fleet.info_for("")
    assert shelf.fleet.info_for("tiny") is None
    shelf.hosts["small"].finish(1)
    await task


async def test_a_swap_loses_nothing_and_closes_the_old_model_when_it_is_done(
    shelf: Shelf,
) -> None:
    old_task = await shelf.ask(request(1))
    swap = asyncio.create_task(shelf.fleet.use("small"))
    await settle()
    new_task = await shelf.ask(request(2))
    base, small = shelf.hosts["base-q8_0"], shelf.hosts["small"]
    assert (base.started, small.started, base.is_closed) == ([1], [2], False)
    base.finish(1)
    small.finish(2)
    await swap
    assert [(await task).text for task in (old_task, new_task)] == ["1", "2"]
    assert base.is_closed
    assert [model.name for model in shelf.fleet.loaded()] == ["small"]


def about(utterance: int, request_id: int) -> DecodeRequest:
    return replace(request(request_id), utterance=utterance)


async def test_an_utterance_ends_on_the_model_it_began_with(shelf: Shelf) -> None:
    first = await shelf.ask(about(1, 1))
    base = shelf.hosts["base-q8_0"]
    base.finish(1)
    await first
    swap = asyncio.create_task(shelf.fleet.use("small"))
    await settle()
    second = await shelf.ask(about(1, 2))
    base.finish(2)
    await second
    await settle()
    assert (base.started, base.is_closed, swap.done()) == ([1, 2], False, False)
    third = await shelf.ask(about(2, 3))
    await swap
    assert base.is_closed
    small = shelf.hosts["small"]
    small.finish(3)
    await third
    assert small.started == [3]


async def test_a_session_between_utterances_does_not_keep_a_model(
    shelf: Shelf,
) -> None:
    task = await shelf.ask(about(1, 1))
    shelf.hosts["base-q8_0"].finish(1)
    await task
    swap = asyncio.create_task(shelf.fleet.use("small"))
    await settle()
    shelf.fleet.release("a")
    shelf.fleet.release("unheard of")
    await swap
    assert shelf.hosts["base-q8_0"].is_closed


async def test_an_utterance_without_end_does_not_keep_a_model_for_ever(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet, "DRAIN_S", 0.01)
    task = await shelf.ask(about(1, 1))
    shelf.hosts["base-q8_0"].finish(1)
    await task
    await shelf.fleet.use("small")
    task = await shelf.ask(about(1, 2))
    shelf.hosts["small"].finish(2)
    assert (await task).text == "2"


@pytest.mark.parametrize("verb", ["load", "use"])
async def test_a_model_that_cannot_be_loaded_changes_nothing(
    shelf: Shelf, verb: str
) -> None:
    with pytest.raises(BadModelFile):
        await getattr(shelf.fleet, verb)("corrupt")
    task = await shelf.ask(request(1))
    shelf.hosts["base-q8_0"].finish(1)
    assert (await task).text == "1"
    assert [model.name for model in shelf.fleet.loaded()] == ["base-q8_0"]


async def test_a_model_is_loaded_once(shelf: Shelf) -> None:
    first = shelf.hosts["base-q8_0"]
    await asyncio.gather(*(shelf.fleet.load("base") for _ in range(3)))
    await shelf.fleet.use("base-q8_0")
    assert (list(shelf.hosts), first.is_closed) == (["base-q8_0"], False)


async def test_another_name_for_a_loaded_model_is_not_a_second_one(
    shelf: Shelf,
) -> None:
    assert (await shelf.fleet.load("alias")).model == "base-q8_0"
    assert shelf.hosts["alias"].is_closed
    assert len(shelf.fleet.loaded()) == 1


async def test_a_decode_that_never_ends_does_not_keep_its_model(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fleet, "DRAIN_S", 0.01)
    monkeypatch.setattr(NamedHost, "aclose", NamedHost.abandon)
    task = await shelf.ask(request(1))
    await shelf.fleet.use("small")
    assert shelf.hosts["base-q8_0"].is_closed
    assert "took too long" in caplog.text
    with pytest.raises(EngineCrashed):
        await task


async def test_a_partial_gives_way_to_a_decode_outside_the_fleet(shelf: Shelf) -> None:
    partial = await shelf.ask(request(1, Priority.PARTIAL))
    shelf.fleet.supersede("a", Priority.FINAL)
    with pytest.raises(Superseded):
        await partial
    shelf.hosts["base-q8_0"].finish(1)


async def test_the_default_and_strangers_are_not_unloaded(shelf: Shelf) -> None:
    for name in ("base", "base-q8_0"):
        with pytest.raises(ModelInUse):
            await shelf.fleet.unload(name)
    with pytest.raises(ModelNotLoaded):
        await shelf.fleet.unload("small")


async def test_sessions_of_an_unloaded_model_go_on_with_the_default(
    shelf: Shelf,
) -> None:
    await shelf.fleet.load("small")
    await shelf.fleet.unload("small")
    assert shelf.hosts["small"].is_closed
    task = await shelf.ask(named(1, "small"))
    shelf.hosts["base-q8_0"].finish(1)
    assert (await task).text == "1"


async def test_a_partial_gives_way_to_a_final_on_another_model(shelf: Shelf) -> None:
    await shelf.fleet.load("small")
    partial = await shelf.ask(
        replace(request(1, Priority.PARTIAL), model="small"),
    )
    final = await shelf.ask(request(2))
    with pytest.raises(Superseded):
        await partial
    shelf.hosts["small"].finish(1)
    await settle()
    shelf.hosts["base-q8_0"].finish(2)
    await final


async def test_a_model_that_nobody_uses_is_unloaded_and_the_default_is_not(
    shelf: Shelf,
) -> None:
    await shelf.fleet.load("small")
    reaper = asyncio.create_task(shelf.fleet.unload_idle(0.01))
    async with asyncio.timeout(10):
        await shelf.hosts["small"].closed.wait()
    reaper.cancel()
    assert not shelf.hosts["base-q8_0"].is_closed
    await shelf.fleet.aclose()
    assert shelf.hosts["base-q8_0"].is_closed


@pytest.mark.parametrize("has_partials", [True, False])
async def test_a_new_default_tells_what_speakers_cost_before_anybody_has_spoken(
    *, has_partials: bool
) -> None:
    load = LoadMeter(lanes=1)

    async def start(name: str) -> ClosableHost:
        host = NamedHost(name)
        host.info = replace(host.info, frame_s=0.0001)
        return host

    fleet = ModelFleet(start, load=load, has_partials=has_partials)
    await fleet.load("tiny")
    before = load._admission.speaker_cost
    await fleet.use("tiny")
    gone = FIRST_COST + FIRST_PARTIAL_COST * has_partials
    assert load._admission.speaker_cost == pytest.approx(before - gone, abs=0.07)
