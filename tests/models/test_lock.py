import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from whispercpp_ws.errors import StoreLocked
from whispercpp_ws.models.lock import held


HOLD = """
import sys
from pathlib import Path
from whispercpp_ws.models.lock import held

with held(Path(sys.argv[1]), wait_s=0):
    print("held", flush=True)
    sys.stdin.read()
"""


class Clock:
    """A clock that moves only when one sleeps."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@contextmanager
def another_process_holding(lock: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_free_lock_is_held_and_freed(tmp_path: Path) -> None:
    for _ in range(2):
        with held(tmp_path / "lock", wait_s=0):
            assert (tmp_path / "lock").exists()


def test_waiting_is_said_and_bounded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    lock = tmp_path / "lock"
    with (
        another_process_holding(lock),
        caplog.at_level(logging.WARNING),
        pytest.raises(StoreLocked, match="still holds the models"),
        held(lock, wait_s=60, clock=clock, sleep=clock.sleep),
    ):
        raise AssertionError("both held the lock")
    assert "waiting for another process" in caplog.text
    assert 60 <= clock.now_s < 61


def test_a_process_that_dies_frees_its_lock(tmp_path: Path) -> None:
    clock = Clock()
    lock = tmp_path / "lock"
    with another_process_holding(lock) as other:

        def sleep(seconds: float) -> None:
            clock.sleep(seconds)
            other.kill()
            other.wait()

        with held(lock, wait_s=60, clock=clock, sleep=sleep):
            assert clock.now_s < 1


def test_an_error_inside_frees_the_lock(tmp_path: Path) -> None:
    with pytest.raises(KeyError), held(tmp_path / "lock", wait_s=0):
        raise KeyError
    with held(tmp_path / "lock", wait_s=0):
        pass
