import hashlib
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.scheduler.letters import SLOTS, SPEC, decode, load, served
from whispercpp_ws.decoding import DecodeRequest
from whispercpp_ws.engines.scripted import ScriptedEngine, ScriptedLane
from whispercpp_ws.errors import (
    BadModelFile,
    RefusedInput,
    SpeechError,
)
from whispercpp_ws.scheduler.host_process import verify_file
from whispercpp_ws.scheduler.wire import (
    Cancel,
    Decoded,
    FrameReader,
    HostSpec,
    Ready,
    Refused,
    encode,
)
from whispercpp_ws.transcript import Hypothesis


@pytest.fixture(autouse=True, params=["threads", "processes"])
def lanes_are(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test with lanes of both kinds, where the system has both."""
    is_forkable = property(lambda _engine: request.param == "processes")
    monkeypatch.setattr(ScriptedEngine, "is_forkable", is_forkable)


def failing(error: Exception) -> Callable[..., Hypothesis]:
    def fail(_lane: ScriptedLane, request: DecodeRequest, *_: object) -> Hypothesis:
        if len(request.samples) == 32_000:
            raise error
        return Hypothesis("fine")

    return fail


def test_a_host_says_what_it_loaded_then_answers_each_decode() -> None:
    status, sent = served(load(), decode(7), decode(8, 0.5))
    assert status == 0
    assert isinstance(sent[0], Ready)
    assert sent[0].info.model == "test"
    answers = {m.ticket: m.hypothesis.text for m in sent if isinstance(m, Decoded)}
    assert answers == {7: "one two", 8: "one"}


@pytest.mark.parametrize(("warm_up", "expected_s"), [(True, 0.002), (False, 0.0)])
def test_the_warm_up_tells_how_fast_the_engine_is(
    monkeypatch: pytest.MonkeyPatch, expected_s: float, *, warm_up: bool
) -> None:
    monkeypatch.setattr(ScriptedLane, "warm_up", lambda lane: 0.002)
    _, [ready] = served(load(replace(SPEC, warm_up=warm_up)))
    assert isinstance(ready, Ready)
    assert ready.info.frame_s == expected_s


def test_a_host_that_is_not_told_what_to_load_ends() -> None:
    assert served() == (2, [])
    assert served(decode(1)) == (2, [])


def test_a_failed_load_is_reported() -> None:
    status, [refused] = served(load(replace(SPEC, engine="x")))
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
    _, sent = served(load(), decode(1, 2.0), decode(2))
    answers = {m.ticket: m for m in sent if isinstance(m, Decoded | Refused)}
    assert answers[1] == Refused(1, code, message)
    assert answers[2] == Decoded(2, Hypothesis("fine"))


def test_what_has_its_answer_already_cannot_be_cancelled() -> None:
    assert len(served(load(), Cancel(9), decode(1))[1]) == 2


def test_anything_but_a_decode_after_the_load_ends_the_host() -> None:
    with pytest.raises(SpeechError, match="expected a decode"):
        served(load(), load())


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


def test_the_process_keeps_stray_prints_out_of_its_answers() -> None:
    code = (
        "import os, sys\n"
        "from whispercpp_ws.engines import scripted\n"
        "from whispercpp_ws.scheduler import host_process\n"
        "warm_up = lambda lane: os.write(1, b'stray') * 0.0\n"
        "scripted.ScriptedLane.warm_up = warm_up\n"
        "sys.exit(host_process.main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=encode(load()) + encode(decode(1)),
        capture_output=True,
        check=True,
        pass_fds=[SLOTS.fd],
    )
    ready, decoded = FrameReader().feed(done.stdout)
    assert isinstance(ready, Ready) and isinstance(decoded, Decoded)
    assert b"stray" in done.stderr
