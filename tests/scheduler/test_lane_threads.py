import os
import threading
import time

import pytest

from tests.scheduler.letters import SLOTS, SPEC, decode, with_inbox
from whispercpp_ws.decoding import DecodeRequest
from whispercpp_ws.engines.base import Cancelled
from whispercpp_ws.engines.scripted import ScriptedEngine, ScriptedLane
from whispercpp_ws.errors import Superseded
from whispercpp_ws.scheduler import lane_threads
from whispercpp_ws.scheduler.inbox import Inbox
from whispercpp_ws.scheduler.lane_threads import LaneThreads
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


def answers(*received: Message) -> list[Message]:
    sent: list[Message] = []
    lanes = LaneThreads(ScriptedEngine(), SPEC, SLOTS, sent.append)
    with_inbox(lanes.serve, *received)
    return sent[1:]


def test_a_lane_without_work_frees_its_memory_and_decodes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rested = threading.Event()
    monkeypatch.setattr(lane_threads, "IDLE_S", 0.001)
    monkeypatch.setattr(ScriptedLane, "rest", lambda lane: rested.set())
    readable, writable = os.pipe()

    def write() -> None:
        assert rested.wait(10)
        os.write(writable, encode(decode(1, 0.5)))
        os.close(writable)

    writing = threading.Thread(target=write)
    writing.start()
    sent: list[Message] = []
    LaneThreads(ScriptedEngine(), SPEC, SLOTS, sent.append).serve(Inbox(readable))
    writing.join()
    os.close(readable)
    assert isinstance(sent[-1], Decoded)


def wait_for_cancel(
    _lane: ScriptedLane, request: DecodeRequest, is_cancelled: Cancelled
) -> Hypothesis:
    while not is_cancelled():
        time.sleep(0.001)
    raise Superseded("the decode was cancelled")


def test_a_decode_that_runs_is_told_that_nobody_wants_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ScriptedLane, "decode", wait_for_cancel)
    assert answers(decode(1), Cancel(1), Cancel(9)) == [
        Refused(1, "superseded", "the decode was cancelled")
    ]


def test_the_process_says_for_its_lanes_that_it_is_there() -> None:
    assert answers(Ping()) == [Pong()]


def test_lanes_whose_gateway_is_gone_still_end() -> None:
    def send(message: Message) -> None:
        if isinstance(message, Decoded):
            raise BrokenPipeError

    with_inbox(LaneThreads(ScriptedEngine(), SPEC, SLOTS, send).serve, decode(1))
