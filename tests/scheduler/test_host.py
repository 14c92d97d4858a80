import asyncio
import hashlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from whispercpp_ws.decoding import DecodeOptions, DecodeRequest, Priority
from whispercpp_ws.errors import (
    BadModelFile,
    ConfigError,
    DecodeTimedOut,
    Draining,
    EngineCrashed,
    Overloaded,
    RefusedInput,
    WindowQuarantined,
)
from whispercpp_ws.scheduler.child import Child, Heartbeat
from whispercpp_ws.scheduler.host import EngineHost, HostLimits
from whispercpp_ws.scheduler.wire import HostSpec


SPEC = HostSpec("scripted", "test", lanes=1)
FAST = HostLimits(first_backoff_s=0.01, longest_backoff_s=0.02, close_s=0.2)


def request(seconds: float = 1.0) -> DecodeRequest:
    samples = np.zeros(int(seconds * 16_000), np.float32)
    return DecodeRequest(1, Priority.FINAL, samples)


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


@pytest.fixture
async def host() -> AsyncIterator[EngineHost]:
    host = await EngineHost.start(SPEC, limits=FAST)
    yield host
    await host.aclose()


async def stopped(host: EngineHost, seconds: float = 1.0) -> asyncio.Task[str]:
    """Start a decode that cannot finish: the child is stopped."""
    os.kill(host.pid, signal.SIGSTOP)
    task = asyncio.create_task(text(host, seconds))
    await asyncio.sleep(0)
    return task


async def text(host: EngineHost, seconds: float = 1.0) -> str:
    return (await host.decode(request(seconds))).text


async def test_a_host_decodes_in_another_process(host: EngineHost) -> None:
    assert host.info.model == "test"
    assert host.pid != os.getpid()
    assert await text(host) == "one two"


async def test_more_decodes_than_lanes_wait_their_turn(host: EngineHost) -> None:
    texts = await asyncio.gather(*(text(host, 0.5) for _ in range(20)))
    assert texts == ["one"] * 20


async def test_a_killed_child_fails_what_is_in_flight_and_serves_what_comes_after(
    host: EngineHost,
) -> None:
    pid = host.pid
    task = await stopped(host)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(EngineCrashed, match="SIGKILL"):
        await task
    assert await text(host) == "one two"
    assert host.pid != pid


async def test_decodes_that_wait_for_a_lane_go_to_the_next_child(
    host: EngineHost,
) -> None:
    running = await stopped(host)
    waiting = [asyncio.create_task(text(host)) for _ in range(3)]
    await asyncio.sleep(0)
    os.kill(host.pid, signal.SIGKILL)
    with pytest.raises(EngineCrashed):
        await running
    assert await asyncio.gather(*waiting) == ["one two"] * 3


async def test_a_host_survives_many_crashes(host: EngineHost) -> None:
    for _ in range(3):
        os.kill(host.pid, signal.SIGKILL)
        await host._child.ended.wait()
        assert await text(host) == "one two"


async def test_a_decode_that_hangs_times_out_and_its_child_is_replaced() -> None:
    limits = HostLimits(decode_s=0.05, first_backoff_s=0.01)
    host = await EngineHost.start(SPEC, limits=limits)
    with pytest.raises(DecodeTimedOut, match=r"no result in 0.05 s"):
        await (await stopped(host))
    host._limits = FAST
    assert await text(host) == "one two"
    await host.aclose()


async def test_a_caller_that_goes_away_leaves_the_lane_to_the_next(
    host: EngineHost,
) -> None:
    task = await stopped(host)
    task.cancel()
    os.kill(host.pid, signal.SIGCONT)
    assert await text(host, 0.5) == "one"
    assert task.cancelled()


WAITING_FOR_CANCEL = """
import sys, time
from whispercpp_ws.engines import scripted
from whispercpp_ws.errors import Superseded
from whispercpp_ws.scheduler import host_process

decode = scripted.ScriptedLane.decode

def wait(lane, request, is_cancelled):
    if request.id == 1:
        while not is_cancelled():
            time.sleep(0.001)
        raise Superseded("cancelled")
    return decode(lane, request)

scripted.ScriptedLane.decode = wait
sys.exit(host_process.main())
"""


async def test_a_decode_that_is_cancelled_ends_in_the_child_and_frees_its_lane() -> (
    None
):
    host = await EngineHost.start(SPEC, limits=FAST, command=python(WAITING_FOR_CANCEL))
    task = asyncio.create_task(host.decode(request()))
    await asyncio.sleep(0)
    task.cancel()
    assert (await host.decode(replace(request(), id=2))).text == "one two"
    assert task.cancelled()
    await host.aclose()


async def test_a_child_that_is_frozen_is_noticed_and_replaced() -> None:
    limits = replace(FAST, heartbeat=Heartbeat(every_s=0.01, silence_s=0.3))
    host = await EngineHost.start(SPEC, limits=limits)
    with pytest.raises(EngineCrashed, match=r"no sign of life for 0.3 s"):
        await (await stopped(host))
    assert await text(host) == "one two"
    await host.aclose()


async def test_decodes_that_take_far_longer_than_others_are_given_up() -> None:
    limits = replace(FAST, least_decode_s=0.2)
    host = await EngineHost.start(SPEC, limits=limits)
    for _ in range(25):
        await text(host)
    with pytest.raises(DecodeTimedOut):
        await (await stopped(host))
    assert await text(host) == "one two"
    await host.aclose()


CRASHING = """
import os, sys
from whispercpp_ws.engines import scripted
from whispercpp_ws.scheduler import host_process

decode = scripted.ScriptedLane.decode

def crash(lane, request, *rest):
    if len(request.samples) == 8000:
        os.abort()
    return decode(lane, request, *rest)

scripted.ScriptedLane.decode = crash
sys.exit(host_process.main())
"""


async def test_a_window_that_crashed_the_engine_twice_is_left_out() -> None:
    host = await EngineHost.start(SPEC, limits=FAST, command=python(CRASHING))
    for _ in range(2):
        with pytest.raises(EngineCrashed, match="SIGABRT"):
            await text(host, 0.5)
    with pytest.raises(WindowQuarantined, match=r"0.5 s of audio"):
        await text(host, 0.5)
    assert await text(host, 1.0) == "one two"
    await host.aclose()


async def test_a_window_that_outlives_kills_from_outside_is_no_suspect(
    host: EngineHost,
) -> None:
    for _ in range(3):
        task = await stopped(host)
        os.kill(host.pid, signal.SIGKILL)
        with pytest.raises(EngineCrashed):
            await task
        await text(host, 0.5)
    assert await text(host) == "one two"


async def test_decodes_wait_no_longer_than_the_limit_for_a_restart(
    tmp_path: Path,
) -> None:
    flag = tmp_path / "started"
    code = (
        "import os, sys\n"
        f"flag = {str(flag)!r}\n"
        "if os.path.exists(flag): sys.exit(3)\n"
        "open(flag, 'w').close()\n"
        "from whispercpp_ws.scheduler import host_process\n"
        "sys.exit(host_process.main())"
    )
    limits = HostLimits(first_backoff_s=0.01, restart_wait_s=1.0)
    host = await EngineHost.start(SPEC, limits=limits, command=python(code))
    os.kill(host.pid, signal.SIGKILL)
    await host._child.ended.wait()
    with pytest.raises(EngineCrashed, match="being restarted"):
        await host.decode(request())
    await host.aclose()


async def test_too_many_decodes_at_once_are_refused() -> None:
    host = await EngineHost.start(SPEC, limits=HostLimits(waiting=1, close_s=0.1))
    task = await stopped(host)
    with pytest.raises(Overloaded, match="1 decodes"):
        await host.decode(request())
    os.kill(host.pid, signal.SIGCONT)
    await task
    await host.aclose()


async def test_a_request_the_wire_refuses_gives_its_lane_back(
    host: EngineHost,
) -> None:
    with pytest.raises(Exception, match="expected at most"):
        await host.decode(request(31.0))
    assert await text(host) == "one two"


async def test_a_closed_host_takes_no_decode(host: EngineHost) -> None:
    await host.aclose()
    with pytest.raises(Draining):
        await host.decode(request())


async def test_a_host_that_does_not_end_is_killed(host: EngineHost) -> None:
    task = await stopped(host)
    await host.aclose()
    with pytest.raises(EngineCrashed, match="SIGKILL"):
        await task


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import os; os.abort()", "test: the engine process was killed by SIGABRT"),
        ("import sys; sys.exit(5)", "ended with status 5 while loading"),
        ("print('junk' * 9, flush=True); input()", "SIGKILL while loading"),
        ("import os, time; os.close(1); time.sleep(0.1)", "while loading"),
    ],
)
async def test_a_child_that_dies_while_loading_is_a_bad_model(
    code: str, message: str
) -> None:
    with pytest.raises(BadModelFile, match=message):
        await EngineHost.start(SPEC, command=python(code))


async def test_what_the_child_says_of_a_failed_load_is_raised() -> None:
    with pytest.raises(ConfigError, match="engine: expected one of"):
        await EngineHost.start(HostSpec("x", "test"))


async def test_a_child_that_is_not_ready_in_time_is_killed() -> None:
    limits = HostLimits(start_s=0.05)
    with pytest.raises(EngineCrashed, match=r"not ready in 0.05 s"):
        await EngineHost.start(SPEC, limits=limits, command=python("input(); input()"))


async def test_a_command_that_cannot_be_run_is_a_crash() -> None:
    with pytest.raises(EngineCrashed, match="No such file"):
        await EngineHost.start(SPEC, command=("/nonexistent",))


CORRUPTIONS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "another magic": lambda data: b"GGUF" + data[4:],
    "a web page": lambda data: b"<html></html>",
    "random bytes": lambda data: os.urandom(1000),
    "a header only": lambda data: data[:48],
    "no tensors": lambda data: data[:586_235],
    "half": lambda data: data[: len(data) // 2],
    "one byte short": lambda data: data[:-1],
    "one byte more": lambda data: data + b"\0",
    "no heads": lambda data: data[:16] + bytes(4) + data[20:],
    "huge layers": lambda data: data[:20] + b"\xff\xff\xff\x7f" + data[24:],
    "negative state": lambda data: data[:12] + b"\xff" * 4 + data[16:],
    "a bad file type": lambda data: data[:44] + b"\x63\0\0\0" + data[48:],
}


@pytest.fixture(params=CORRUPTIONS)
def corrupt_model(
    request: pytest.FixtureRequest, tmp_path: Path, tiny_en_model: Path
) -> Path:
    path = tmp_path / "model.bin"
    path.write_bytes(CORRUPTIONS[request.param](tiny_en_model.read_bytes()))
    return path


@pytest.mark.model
async def test_a_corrupt_model_is_one_error_and_no_crash(
    corrupt_model: Path,
) -> None:
    path = corrupt_model
    with pytest.raises(BadModelFile, match="expected"):
        await EngineHost.start(HostSpec("whispercpp", "tiny.en", str(path)))


@pytest.mark.model
async def test_a_real_model_refuses_and_decodes_through_the_host(
    tiny_en_model: Path, jfk_pcm: bytes
) -> None:
    spec = HostSpec("whispercpp", "tiny.en-q8_0", str(tiny_en_model), lanes=2)
    host = await EngineHost.start(spec)
    pcm = (np.frombuffer(jfk_pcm, "<i2") / 32768).astype(np.float32)
    options = DecodeOptions(audio_ctx=600, max_tokens=74)
    whole = DecodeRequest(1, Priority.FINAL, pcm, options)
    with pytest.raises(RefusedInput, match="audio_ctx"):
        cut = DecodeOptions(audio_ctx=50)
        await host.decode(DecodeRequest(2, Priority.FINAL, pcm, cut))
    first, second = await asyncio.gather(host.decode(whole), host.decode(whole))
    await host.aclose()
    assert first.words == second.words
    assert first.text.startswith("And so my fellow Americans")


async def test_a_file_gone_bad_is_refused_at_once_until_it_is_mended(
    tmp_path: Path,
) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(b"sound")
    spec = HostSpec("scripted", "test", lanes=1, path=str(file), size_bytes=5)
    host = await EngineHost.start(spec, limits=FAST)
    file.write_bytes(b"no")
    os.kill(host.pid, signal.SIGKILL)
    assert "expected bytes 5, got 2" in await first_outcome(host, BadModelFile)
    file.write_bytes(b"sound")
    assert await first_outcome(host, str) == "one two"
    await host.aclose()


async def first_outcome(host: EngineHost, wanted: type) -> str:
    """Decode until an outcome of a kind comes; the test's timeout bounds it."""
    while True:
        (outcome,) = await asyncio.gather(text(host), return_exceptions=True)
        if isinstance(outcome, wanted):
            return str(outcome)


async def test_a_file_that_nobody_touched_is_not_hashed_again(tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(b"sound")
    digest = hashlib.sha256(b"sound").hexdigest()
    spec = HostSpec("scripted", "test", lanes=1, path=str(file), sha256=digest)
    host = await EngineHost.start(spec, limits=FAST)
    specs: list[HostSpec] = []
    start = Child.start

    async def noting(spec: HostSpec, *rest: Any, **named: Any) -> Any:
        specs.append(spec)
        return await start(spec, *rest, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Child, "start", noting)
        await killed(host)
        file.write_bytes(b"bread")
        os.kill(host.pid, signal.SIGKILL)
        assert "expected SHA-256" in await first_outcome(host, BadModelFile)
    assert (specs[0].sha256, specs[1].sha256) == ("", digest)
    await host.aclose()


async def killed(host: EngineHost) -> None:
    """Kill the child and wait until there is another."""
    os.kill(host.pid, signal.SIGKILL)
    await host._child.ended.wait()
    await text(host)
