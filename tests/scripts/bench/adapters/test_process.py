import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from scripts.bench.adapters.process import (
    BenchError,
    ServerProcess,
    Usage,
    free_port,
    memory_bytes,
    total,
)


LISTENS = "import socket, sys; s = socket.create_server(('127.0.0.1', {})); s.accept()"
WAITS = "print('Listening on port 7', flush=True); import signal; signal.pause()"


def spawned(tmp_path: Path, code: str) -> ServerProcess:
    return ServerProcess.spawn([sys.executable, "-c", code], tmp_path / "server.log")


async def test_a_server_is_up_when_it_says_so(tmp_path: Path) -> None:
    server = spawned(tmp_path, WAITS)
    try:
        found = await server.wait_for(re.compile(r"port (\d)"))
        assert found[1] == "7"
        assert server.usage().memory_bytes > 1_000_000
        assert 0 < server.usage().root_cpu_s <= server.usage().cpu_s
    finally:
        await server.stop()


async def test_a_server_that_ends_is_an_error_with_its_output(tmp_path: Path) -> None:
    server = spawned(tmp_path, "raise SystemExit('no model')")
    with pytest.raises(BenchError, match="no model"):
        await server.wait_for(re.compile("Listening"))
    with pytest.raises(BenchError, match=r"gone; see .*server\.log"):
        server.usage()


async def test_a_server_is_up_when_its_port_takes_connections(tmp_path: Path) -> None:
    port = free_port()
    server = spawned(tmp_path, LISTENS.format(port))
    try:
        await server.accepting(port)
    finally:
        await server.stop()


async def test_a_server_that_ends_is_not_waited_for(tmp_path: Path) -> None:
    server = spawned(tmp_path, "raise SystemExit('no model')")
    with pytest.raises(BenchError, match="ended before it listened:\nno model"):
        await server.accepting(free_port())


async def test_a_port_nobody_opens_is_an_error(tmp_path: Path) -> None:
    server = spawned(tmp_path, WAITS)
    with pytest.raises(BenchError, match="nothing listens"):
        await server.accepting(free_port(), wait_s=0.0)
    with pytest.raises(BenchError, match="gone"):
        server.usage()


def test_a_program_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="No such file"):
        ServerProcess.spawn([str(tmp_path / "none")], tmp_path / "log")


def test_usage_counts_from_an_earlier_one() -> None:
    assert Usage(5.0, 30).since(Usage(2.0, 10)) == Usage(3.0, 30)


def test_processes_that_end_while_they_are_measured_use_nothing() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    process = psutil.Process(ended.pid)
    ended.wait()
    here = psutil.Process()
    assert total(memory_bytes, [process]) == 0.0
    assert total(lambda _: 2.0, [here, here]) == 4.0
