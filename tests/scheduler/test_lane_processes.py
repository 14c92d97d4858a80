import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.scheduler.letters import SPEC, decode, load, request, served, with_inbox
from whispercpp_ws.decoding import DecodeRequest
from whispercpp_ws.engines.scripted import ScriptedEngine, ScriptedLane
from whispercpp_ws.errors import DiedLoading, EngineCrashed, EngineError
from whispercpp_ws.scheduler import lane_processes
from whispercpp_ws.scheduler.child import Heartbeat
from whispercpp_ws.scheduler.host import EngineHost, HostLimits
from whispercpp_ws.scheduler.host_process import serve
from whispercpp_ws.scheduler.inbox import Inbox
from whispercpp_ws.scheduler.wire import (
    Cancel,
    Decoded,
    Message,
    Ping,
    Pong,
    Refused,
    encode,
)
from whispercpp_ws.transcript import Hypothesis


pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere lanes are threads"
)

USUAL = HostLimits()
ONE_LANE = load(replace(SPEC, lanes=1))
FIRST_BYTES = 2 * 16_000
"""Samples of the decode that something happens to."""


def happening(event: Callable[[], object]) -> Callable[..., Hypothesis]:
    """Let something happen in the lane that gets 2 s of audio."""
    decode_usually = ScriptedLane.decode

    def decode_with(
        lane: ScriptedLane, request: DecodeRequest, *_: object
    ) -> Hypothesis:
        if len(request.samples) == FIRST_BYTES:
            event()
        return decode_usually(lane, request)

    return decode_with


def kill_itself(number: signal.Signals) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


def test_a_decode_that_nobody_wants_is_ended_wherever_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ScriptedLane, "decode", happening(lambda: time.sleep(3600)))
    _, sent = served(ONE_LANE, decode(1, 2.0), Cancel(1), decode(2, 0.5))
    assert sent[1] == Refused(1, "superseded", "the decode was cancelled")
    assert isinstance(sent[2], Decoded) and sent[2].ticket == 2


def test_a_lane_that_is_killed_fails_its_decode_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kills = happening(kill_itself(signal.SIGKILL))
    monkeypatch.setattr(ScriptedLane, "decode", kills)
    status, sent = served(load(), decode(1, 2.0), decode(2))
    answers = {m.ticket: m for m in sent if isinstance(m, Decoded | Refused)}
    assert status == 0
    assert isinstance(answers[2], Decoded)
    assert answers[1] == Refused(
        1, "engine_crashed", "the engine's lane was killed by SIGKILL"
    )


def test_decodes_that_run_when_the_inbox_is_over_are_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ScriptedLane, "decode", happening(lambda: time.sleep(0.05)))
    assert isinstance(served(load(), decode(1, 2.0))[1][-1], Decoded)


def test_lanes_whose_gateway_is_gone_still_end() -> None:
    def send(message: Message) -> None:
        if isinstance(message, Decoded):
            raise BrokenPipeError

    with_inbox(lambda inbox: serve(inbox, send), load(), decode(1))


def test_lanes_say_together_that_they_are_there() -> None:
    readable, writable = os.pipe()
    os.write(writable, encode(load(replace(SPEC, lanes=3))) + encode(Ping()))
    sent: list[Message] = []

    def send(message: Message) -> None:
        sent.append(message)
        if message == Pong():
            os.close(writable)

    assert serve(Inbox(readable), send) == 0
    assert sent[1:] == [Pong()]
    os.close(readable)


def test_a_lane_that_cannot_be_opened_is_a_failed_load(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_engine: ScriptedEngine) -> ScriptedLane:
        raise EngineError("no memory for one more lane")

    monkeypatch.setattr(ScriptedEngine, "open_lane", refuse)
    assert served(load()) == (
        1,
        [Refused(-1, "engine_error", "no memory for one more lane")],
    )


def test_a_lane_without_work_frees_its_memory_and_decodes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rested = tmp_path / "rested"
    monkeypatch.setattr(lane_processes, "IDLE_S", 0.001)
    monkeypatch.setattr(ScriptedLane, "rest", lambda lane: rested.touch())
    readable, writable = os.pipe()
    os.write(writable, encode(ONE_LANE))

    def write() -> None:
        while not rested.exists():
            time.sleep(0.001)
        os.write(writable, encode(decode(1, 0.5)))
        os.close(writable)

    writing = threading.Thread(target=write)
    writing.start()
    sent: list[Message] = []
    assert serve(Inbox(readable), sent.append) == 0
    writing.join()
    os.close(readable)
    assert isinstance(sent[-1], Decoded)


IN_A_LANE = """
import os, signal, sys, time
from whispercpp_ws.engines import scripted
from whispercpp_ws.scheduler import host_process

usually = scripted.ScriptedLane.decode

def decode(lane, request, *rest):
    if len(request.samples) == 32_000:
        {happens}
    return usually(lane, request, *rest)

scripted.ScriptedLane.decode = decode
sys.exit(host_process.main())
"""


async def started(code: str, limits: HostLimits = USUAL) -> EngineHost:
    command = (sys.executable, "-c", code)
    return await EngineHost.start(SPEC, limits=limits, command=command)


async def test_lanes_end_with_the_process_they_were_forked_from() -> None:
    host = await started(IN_A_LANE.format(happens="time.sleep(3600)"))
    lanes = psutil.Process(host.pid).children()
    decoding = asyncio.create_task(host.decode(request(2.0)))
    await asyncio.sleep(0)
    os.kill(host.pid, signal.SIGKILL)
    with pytest.raises(EngineCrashed, match="SIGKILL"):
        await decoding
    assert len(lanes) == SPEC.lanes
    assert psutil.wait_procs(lanes, timeout=10)[1] == []
    await host.aclose()


async def test_a_frozen_lane_is_noticed_and_all_are_replaced() -> None:
    frozen = IN_A_LANE.format(happens="os.kill(os.getpid(), signal.SIGSTOP)")
    heartbeat = Heartbeat(every_s=0.01, silence_s=0.3)
    host = await started(frozen, HostLimits(heartbeat=heartbeat))
    lanes = psutil.Process(host.pid).children()
    with pytest.raises(EngineCrashed, match=r"no sign of life for 0.3 s"):
        await host.decode(request(2.0))
    assert (await host.decode(request())).text == "one two"
    assert psutil.wait_procs(lanes, timeout=10)[1] == []
    await host.aclose()


async def test_a_lane_that_crashes_takes_the_process_along() -> None:
    host = await started(IN_A_LANE.format(happens="os.abort()"))
    with pytest.raises(EngineCrashed, match="SIGABRT"):
        await host.decode(request(2.0))
    assert (await host.decode(request())).text == "one two"
    await host.aclose()


@pytest.mark.parametrize(
    ("happens", "message"),
    [
        ("os.abort()", "killed by SIGABRT while loading"),
        ("os.kill(os.getpid(), 9)", "killed by SIGKILL while loading"),
        ("sys.exit(5)", "ended with status 1 while loading"),
    ],
)
async def test_a_lane_that_dies_while_it_warms_up_is_a_bad_model(
    happens: str, message: str
) -> None:
    code = (
        "import os, sys\n"
        "from whispercpp_ws.engines import scripted\n"
        "from whispercpp_ws.scheduler import host_process\n"
        f"scripted.ScriptedLane.warm_up = lambda lane: {happens}\n"
        "sys.exit(host_process.main())"
    )
    with pytest.raises(DiedLoading, match=message):
        await started(code)
