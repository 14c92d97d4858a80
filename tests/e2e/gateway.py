"""A server that a test kills and starts again where it was."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.conftest import free_port


class Gateway:
    """A server on a port of its own, as often as it is started."""

    def __init__(self, models_dir: Path) -> None:
        self.port = free_port()
        self._command = [sys.executable, "-m", "whispercpp_ws", "serve"]
        self._command += ["--port", str(self.port), "--model", "base"]
        self._command += ["--models-dir", str(models_dir)]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if b"Listening" in line:
                return
        pytest.fail("the server did not start")

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextmanager
def started(models_dir: Path) -> Iterator[Gateway]:
    gateway = Gateway(models_dir)
    try:
        yield gateway
    finally:
        gateway.kill()
