"""A real server in its own process, with the default model, as `make run` starts it."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.e2e.compatibility import Recorder


VOSKS_PORT = 2700
"""Most of vosk-server's clients have it written into them."""
URL = re.compile(r"http://127\.0\.0\.1:(\d+)")


def pytest_configure(config: pytest.Config) -> None:
    """Record what clients of other servers can do, when asked to."""
    if os.environ.get("RECORD_COMPATIBILITY"):
        config.pluginmanager.register(Recorder())


@dataclass(frozen=True)
class RunningServer:
    """Where a started server listens, and its process."""

    port: int
    process: psutil.Process

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/stt"

    def engine_hosts(self) -> list[psutil.Process]:
        return list(self.process.children())


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def start_server(models_dir: Path, *options: str) -> Iterator[RunningServer]:
    """Start a server on a free port, yield it, and stop it with SIGTERM."""
    command = [sys.executable, "-m", "whispercpp_ws", "serve", "--port", "0"]
    command += ["--models-dir", str(models_dir), *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if found := URL.search(line):
                break
        else:
            pytest.fail("the server did not start:\n" + "".join(lines))
        yield RunningServer(int(found[1]), psutil.Process(process.pid))
        process.terminate()
        rest = process.stdout.read()
        assert process.wait(30) == 0, rest


def start_on_vosks_port(models_dir: Path, *options: str) -> Iterator[RunningServer]:
    """Start a server where vosk-server would be; skips a test if something is."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", VOSKS_PORT)) == 0:
            pytest.skip(f"port {VOSKS_PORT} is taken")
    yield from start_server(models_dir, "--port", str(VOSKS_PORT), *options)


@pytest.fixture(scope="package")
def server(base_model: Path) -> Iterator[RunningServer]:
    """One server with base-q8_0 for all tests of the folder."""
    yield from start_server(base_model.parent)


@pytest.fixture
def jfk_file(jfk_pcm: bytes, tmp_path: Path) -> Path:
    """The sample without a header, for clients that read raw samples."""
    path = tmp_path / "jfk.pcm"
    path.write_bytes(jfk_pcm)
    return path
