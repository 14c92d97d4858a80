import hashlib
import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from whispercpp_ws.decoding import DecodeRequest, Priority
from whispercpp_ws.engines.base import Cancelled
from whispercpp_ws.engines.scripted import ScriptedLane
from whispercpp_ws.errors import (
    BadModelFile,
    RefusedInput,
    SpeechError,
    Superseded,
)
from whispercpp_ws.scheduler import host_process
from whispercpp_ws.scheduler.host_process import Sender, serve, verify_file
from whispercpp_ws.scheduler.wire import (
    Cancel,
    Decode,
    Decoded,
    FrameReader,
    HostSpec,
    Load,
    Message,
    Ping,
    Pong,
    Ready,
    Refused,
    encode,
)
from whispercpp_ws.transcript import Hypothesis


SPEC = HostSpec("scripted", "test", lanes=2)


def decode(ticket: int, seconds: float = 1.0) -> Decode:
    samples = np.zeros(int(seconds * 16_000), np.float32)
    return Decode(ticket, DecodeRequest(0, Priority.FINAL, samples))


def served(*received: Message) -> tuple[int, list[Message]]:
    sent: list[Message] = []
    return serve(iter(received), sent.append), sent


def failing(error: Exception) -> Callable[..., Hypothesis]:
    def fail(_lane: ScriptedLane, request: DecodeRequest, *_: object) -> Hypothesis:
        if len(request.samples) == 32_000:
            raise error
        return Hypothesis("fine")

    return fail


def test_a_host_says_what_it_loaded_then_answers_each_decode() -> None:
    status, sent = served(Load(SPEC), decode(7), decode(8, 0.5))
    assert status == 0
    assert isinstance(sent[0], Ready)
    assert sent[0].info.model == "test"
    answers = {m.ticket: m.hypothesis.text for m in sent if isinstance(m, Decoded)}
    assert answers == {7: "one two", 8: "one"}


@pytest.mark.parametrize(("warm_up", "expected_s"), [(True, 0.001), (False, 0.0)])
def test_the_fastest_warm_up_tells_how_fast_the_engine_is(
    monkeypatch: pytest.MonkeyPatch, expected_s: float, *, warm_up: bool
) -> None:
    taken_s = iter([0.002, 0.001])
    monkeypatch.setattr(ScriptedLane, "warm_up", lambda lane: next(taken_s))
    _, [ready] = served(Load(replace(SPEC, warm_up=warm_up)))
    assert isinstance(ready, Ready)
    assert ready.info.frame_s == expected_s


def test_a_host_that_is_not_told_what_to_load_ends() -> None:
    assert served() == (2, [])
    assert served(decode(1)) == (2, [])


def test_a_failed_load_is_reported() -> None:
    status, [refused] = served(Load(replace(SPEC, engine="x")))
    assert status == 1
    assert isinstance(refused, Refused)
    assert (refused.ticket, refused.code) == (-1, "bad_config")


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (RefusedInput("too short"), "refused_input", "too short"),
        (ZeroDivisionError("oops"), "engine_error", "ZeroDivisionError: oops"),
    ],
)
def test_a_decode_that_fails_is_answered_and_the_next_one_runs(
    monkeypatch: pytest.MonkeyPatch, error: Exception, code: str, message: str
) -> None:
    monkeypatch.setattr(ScriptedLane, "decode", failing(error))
    _, sent = served(Load(replace(SPEC, lanes=1)), decode(1, 2.0), decode(2))
    assert sent[1:] == [Refused(1, code, message), Decoded(2, Hypothesis("fine"))]


def test_a_host_says_that_it_is_there() -> None:
    assert served(Load(SPEC), Ping())[1][1:] == [Pong()]


def test_a_lane_without_work_frees_its_memory_and_decodes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rested = threading.Event()
    monkeypatch.setattr(host_process, "IDLE_S", 0.001)
    monkeypatch.setattr(ScriptedLane, "rest", lambda lane: rested.set())

    def received() -> Iterator[Message]:
        yield Load(replace(SPEC, lanes=1))
        assert rested.wait(10)
        yield decode(1)

    sent: list[Message] = []
    assert serve(received(), sent.append) == 0
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
    _, sent = served(Load(replace(SPEC, lanes=1)), decode(1), Cancel(1), Cancel(9))
    assert sent[1:] == [Refused(1, "superseded", "the decode was cancelled")]


def test_a_host_whose_gateway_is_gone_still_ends() -> None:
    def send(message: Message) -> None:
        if isinstance(message, Decoded):
            raise BrokenPipeError

    assert serve(iter([Load(SPEC), decode(1)]), send) == 0


def test_anything_but_a_decode_after_the_load_ends_the_host() -> None:
    with pytest.raises(SpeechError, match="expected a decode"):
        served(Load(SPEC), Load(SPEC))


def test_a_sender_writes_whole_frames() -> None:
    stream = io.BytesIO()
    Sender(stream)(Load(SPEC))
    assert FrameReader().feed(stream.getvalue()) == [Load(SPEC)]


@pytest.fixture
def model(tmp_path: Path) -> HostSpec:
    path = tmp_path / "model.bin"
    path.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    return HostSpec("scripted", "m", str(path), size_bytes=7, sha256=digest)


def test_the_promised_file_passes(model: HostSpec) -> None:
    verify_file(model)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size_bytes": 8}, "expected bytes 8, got 7"),
        ({"sha256": "00"}, "expected SHA-256 00, got"),
        ({"path": "/nonexistent"}, "No such file"),
    ],
)
def test_another_file_than_promised_is_refused(
    model: HostSpec, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(BadModelFile, match=message):
        verify_file(replace(model, **changes))  # type: ignore[arg-type]


def test_messages_are_read_until_the_other_end_closes() -> None:
    readable, writable = os.pipe()
    os.write(writable, encode(Load(SPEC)) + encode(Refused(1, "a", "b")))
    os.close(writable)
    got: Iterator[Message] = host_process.messages(readable)
    assert list(got) == [Load(SPEC), Refused(1, "a", "b")]
    os.close(readable)


def test_the_process_keeps_stray_prints_out_of_its_answers() -> None:
    code = (
        "import os, sys\n"
        "from whispercpp_ws.engines import scripted\n"
        "from whispercpp_ws.scheduler import host_process\n"
        "close = scripted.ScriptedLane.close\n"
        "scripted.ScriptedLane.close = lambda lane: os.write(1, b'stray') and None\n"
        "sys.exit(host_process.main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=encode(Load(SPEC)) + encode(decode(1)),
        capture_output=True,
        check=True,
    )
    ready, decoded = FrameReader().feed(done.stdout)
    assert isinstance(ready, Ready) and isinstance(decoded, Decoded)
    assert b"stray" in done.stderr
