"""A server program in a process of its own, and what it uses."""

import asyncio
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from whispercpp_ws.errors import SpeechError


START_S = 120.0
"""Longest start: a model of 3 GB from a slow disk."""
STOP_S = 30.0
"""Longest wait for a program that was told to end, before it is killed."""
POLL_S = 0.1


class BenchError(SpeechError):
    """Raised when a program under test cannot be measured."""

    code = "bench_failed"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process and its children have used."""

    cpu_s: float
    """CPU seconds, user and system, since each started; of those that ended too."""
    memory_bytes: int
    """Resident memory now; of a page that several share each counts its part."""
    root_cpu_s: float = 0.0
    """The part of `cpu_s` that is the process's own."""

    def since(self, earlier: "Usage") -> "Usage":
        """Return the CPU used since then, and the memory of now."""
        return Usage(
            cpu_s=self.cpu_s - earlier.cpu_s,
            memory_bytes=self.memory_bytes,
            root_cpu_s=self.root_cpu_s - earlier.root_cpu_s,
        )


class ServerProcess:
    """A started program; its output goes to a file."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log

    @classmethod
    def spawn(cls, command: Sequence[str], log: Path) -> "ServerProcess":
        """Start a command with its output in `log`; raises BenchError."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            try:
                process = subprocess.Popen(
                    command, stdout=output, stderr=subprocess.STDOUT
                )
            except OSError as error:
                raise BenchError(f"{command[0]}: {error.strerror}") from error
        return cls(process, log)

    @property
    def pid(self) -> int:
        """Process id of the program itself."""
        return self._process.pid

    async def wait_for(self, pattern: re.Pattern[str]) -> re.Match[str]:
        """
        Wait until the output has a match, and return it.

        Raises:
            BenchError: the program ended, or `START_S` passed.
        """
        give_up_s = time.monotonic() + START_S
        while time.monotonic() < give_up_s:
            has_ended = self._has_ended()
            if found := pattern.search(self._output()):
                return found
            if has_ended:
                break
            await asyncio.sleep(POLL_S)
        raise await self._not_started("the server did not start")

    async def accepting(self, port: int, *, wait_s: float = START_S) -> None:
        """
        Wait until a port of this machine takes connections.

        Raises:
            BenchError: the program ended, or `wait_s` passed.
        """
        give_up_s = time.monotonic() + wait_s
        while time.monotonic() < give_up_s:
            if self._has_ended():
                raise await self._not_started("the server ended before it listened")
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionError:
                await asyncio.sleep(POLL_S)
                continue
            writer.close()
            return
        raise await self._not_started(
            f"nothing listens on port {port} after {wait_s:.0f} s"
        )

    def usage(self) -> Usage:
        """Measure the process and its children; raises BenchError when it is gone."""
        try:
            root = psutil.Process(self._process.pid)
            root_cpu_s = _cpu_s(root)
            children = root.children(recursive=True)
            return Usage(
                cpu_s=root_cpu_s + total(_cpu_s, children),
                memory_bytes=memory_bytes(root) + round(total(memory_bytes, children)),
                root_cpu_s=root_cpu_s,
            )
        except psutil.NoSuchProcess as error:
            raise BenchError(f"the server is gone; see {self._log}") from error

    async def stop(self) -> None:
        """End it with SIGTERM, or kill it after `STOP_S`."""
        self._process.terminate()
        try:
            await asyncio.to_thread(self._process.wait, STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _has_ended(self) -> bool:
        return self._process.poll() is not None

    async def _not_started(self, what: str) -> BenchError:
        await self.stop()
        return BenchError(f"{what}:\n{self._output()[-2000:]}")

    def _output(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")


def free_port() -> int:
    """Return a port of this machine that nobody uses now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def total(
    measure: Callable[[psutil.Process], float], processes: Iterable[psutil.Process]
) -> float:
    """Add up what processes use; of those that end meanwhile, as lanes do, nothing."""
    found = 0.0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            found += measure(process)
    return found


def memory_bytes(process: psutil.Process) -> int:
    """Return a process's part of the memory (Linux: PSS; elsewhere all it maps)."""
    found = process.memory_full_info()
    return int(getattr(found, "pss", found.rss))


def _cpu_s(process: psutil.Process) -> float:
    """Add up what a process and those of its children that have ended used."""
    times = process.cpu_times()
    ended_s = getattr(times, "children_user", 0.0) + times.children_system
    return float(times.user + times.system + ended_s)
