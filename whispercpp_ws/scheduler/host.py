"""
An engine in a process of its own, kept alive.

A crash in C kills the child, not the server: decodes in flight fail with a retryable
error, the child is started again, and later decodes wait for it.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from whispercpp_ws.decoding import DecodeRequest
from whispercpp_ws.engines.base import EngineInfo
from whispercpp_ws.errors import (
    BadModelFile,
    DecodeTimedOut,
    Draining,
    EngineCrashed,
    Overloaded,
    SpeechError,
    WindowQuarantined,
)
from whispercpp_ws.scheduler.child import Child, Heartbeat, NotSent
from whispercpp_ws.scheduler.cost import CostModel, frames_of, limit_s
from whispercpp_ws.scheduler.quarantine import Quarantine
from whispercpp_ws.scheduler.wire import HostSpec
from whispercpp_ws.transcript import Hypothesis


COMMAND = (sys.executable, "-m", "whispercpp_ws.scheduler.host_process")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HostLimits:
    """How long a host may take, and how much may wait for it."""

    start_s: float = 120.0
    """Reading 3 GB from a slow disk, hashing it, one warm-up decode per lane."""
    decode_s: float = 60.0
    """Several times a full window of a large model; a longer decode hangs. Once enough
    of them ran, the limit is three times the slowest 1 % of its kind."""
    least_decode_s: float = 20.0
    """Below this no decode is given up: beside another busy process one took 13 s that
    takes 0.4 alone, and a window that times out twice is left out."""
    heartbeat: Heartbeat = Heartbeat()
    restart_wait_s: float = 15.0
    """How long a decode waits for a child that is being restarted."""
    close_s: float = 2.0
    """How long a child may finish its decodes before it is killed."""
    first_backoff_s: float = 0.2
    longest_backoff_s: float = 2.0
    """A child that does not start, or decodes nothing, is tried again this often,
    without end; one that did its work is replaced at once."""
    waiting: int = 256
    """Decodes at once, waiting ones included; the scheduler queues elsewhere."""


class EngineHost:
    """A loaded model that survives crashes of its library; made by `start`."""

    def __init__(
        self, spec: HostSpec, limits: HostLimits, command: Sequence[str]
    ) -> None:
        self._spec = spec
        self._limits = limits
        self._command = command
        self._up = asyncio.Event()
        self.cost = CostModel()
        """What decodes take; outlives the child."""
        self._quarantine = Quarantine()
        self._alone = asyncio.Lock()
        """Held by a window under suspicion, so that two never run side by side."""
        self._waiting = 0
        self._closing = False
        self._trouble = ""
        self._refusal = ""
        """Why the file on disk cannot be loaded any more; empty while it can."""
        self._verified: tuple[int, ...] | None = None
        """What the file on disk was like when it was last loaded."""
        self._child: Child
        self._info: EngineInfo
        self._supervisor: asyncio.Task[None]

    @classmethod
    async def start(
        cls,
        spec: HostSpec,
        *,
        limits: HostLimits = HostLimits(),
        command: Sequence[str] = COMMAND,
    ) -> "EngineHost":
        """
        Load a model in a child process; close the host with `aclose`.

        Raises:
            BadModelFile: the file is not the expected one, or the child died of it.
            EngineCrashed: the child was not ready within `limits.start_s`.
            SpeechError: whatever else loading failed with.
        """
        host = cls(spec, limits, command)
        host._child, host._info = await host._start_child()
        host._supervisor = asyncio.create_task(host._supervise())
        return host

    @property
    def info(self) -> EngineInfo:
        """Say what is loaded."""
        return self._info

    @property
    def pid(self) -> int:
        """Process id of the present, or when it is being restarted the last, child."""
        return self._child.pid

    async def decode(self, request: DecodeRequest) -> Hypothesis:
        """
        Decode one window on a free lane.

        Raises:
            EngineCrashed: the child ended meanwhile, or is not back yet; retryable.
            BadModelFile: it ended, and its file has gone bad since it was loaded.
            DecodeTimedOut: it took far longer than others do; retryable.
            WindowQuarantined: the child has crashed on this window twice.
            Overloaded: `limits.waiting` decodes are under way; retryable.
            Draining: the host is closed.
            EngineError: the engine refused the request.
        """
        if self._closing:
            raise Draining(f"{self._spec.model}: the engine host is closed")
        if self._waiting >= self._limits.waiting:
            raise Overloaded(f"{self._spec.model}: {self._waiting} decodes are waiting")
        self._waiting += 1
        try:
            return await self._decode(request)
        finally:
            self._waiting -= 1

    async def aclose(self) -> None:
        """End the child; running decodes have `limits.close_s` to finish."""
        self._closing = True
        self._supervisor.cancel()
        await asyncio.wait([self._supervisor])
        await self._child.close(self._limits.close_s)

    async def _decode(self, request: DecodeRequest) -> Hypothesis:
        if not self._quarantine.suspects(request):
            return await self._decode_once(request)
        async with self._alone:
            if self._quarantine.holds(request):
                raise WindowQuarantined(
                    f"{request.seconds:.1f} s of audio crashed the engine twice and "
                    "are left out"
                )
            return await self._decode_once(request)

    async def _decode_once(self, request: DecodeRequest) -> Hypothesis:
        while True:
            await self._wait_until_up()
            child = self._child
            try:
                return await child.decode(request, self._limit_s(request))
            except NotSent:
                continue
            except DecodeTimedOut:
                self._quarantine.note_death(request)
                raise
            except EngineCrashed:
                if child.has_crashed:
                    self._quarantine.note_death(request)
                raise

    def _limit_s(self, request: DecodeRequest) -> float:
        highest_s = self._limits.decode_s
        lowest_s = min(self._limits.least_decode_s, highest_s)
        frames = frames_of(request)
        return limit_s(self.cost, frames, lowest_s=lowest_s, highest_s=highest_s)

    async def _wait_until_up(self) -> None:
        try:
            async with asyncio.timeout(self._limits.restart_wait_s):
                await self._up.wait()
        except TimeoutError:
            raise EngineCrashed(
                f"{self._spec.model}: the engine is being restarted ({self._trouble})"
            ) from None
        if self._refusal:
            raise BadModelFile(self._refusal)

    async def _supervise(self) -> None:
        first_s, longest_s = (
            self._limits.first_backoff_s,
            self._limits.longest_backoff_s,
        )
        backoff_s = first_s
        while True:
            await self._child.ended.wait()
            self._note(self._child.obituary)
            if self._child.served:
                backoff_s = 0.0
            await asyncio.sleep(backoff_s)
            backoff_s = min(max(2 * backoff_s, first_s), longest_s)
            try:
                self._child, _ = await self._start_child()
                self._refusal = ""
            except SpeechError as error:
                self._note(str(error))
                if type(error) is BadModelFile:
                    self._refuse()

    def _refuse(self) -> None:
        """Let nobody wait for what only a person can mend: the file on disk."""
        self._refusal = self._trouble
        self._up.set()

    async def _start_child(self) -> tuple[Child, EngineInfo]:
        found = _stamp(self._spec.path)
        spec = self._spec
        if found is not None and found == self._verified:
            # Nobody has touched it: checksum and warm-up would only prolong a restart.
            spec = replace(spec, sha256="", warm_up=False)
        try:
            child, info = await Child.start(
                spec,
                self._command,
                timeout_s=self._limits.start_s,
                on_end=self._up.clear,
                cost=self.cost,
                heartbeat=self._limits.heartbeat,
            )
        except BadModelFile as error:
            raise type(error)(f"{self._spec.model}: {error}") from error
        self._verified = found
        if not child.ended.is_set():
            self._up.set()
        return child, info

    def _note(self, trouble: str) -> None:
        self._trouble = trouble
        logger.error("%s: %s; restarting it", self._spec.model, trouble)


def _stamp(path: str) -> tuple[int, ...] | None:
    """Return what changes when a file does; None without a file."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
