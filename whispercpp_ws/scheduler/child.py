"""
One life of an engine process, from its start to its end.

What is asked of it when it ends fails with a retryable error; starting another is
the host's business.
"""

import asyncio
import itertools
import logging
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from whispercpp_ws.decoding import DecodeRequest
from whispercpp_ws.engines.base import EngineInfo
from whispercpp_ws.errors import (
    DecodeTimedOut,
    DiedLoading,
    EngineCrashed,
    EngineError,
    SpeechError,
    error_from_code,
)
from whispercpp_ws.scheduler.cost import CostModel, frames_of
from whispercpp_ws.scheduler.slots import Slots
from whispercpp_ws.scheduler.wire import (
    Cancel,
    Decode,
    Decoded,
    FrameReader,
    HostSpec,
    Load,
    Message,
    Ping,
    Ready,
    Refused,
    encode,
)
from whispercpp_ws.transcript import Hypothesis


READ_BYTES = 1 << 16
"""One read from the pipe; results are a few kilobytes."""

ENVIRONMENT = {
    "OMP_WAIT_POLICY": "active",
    "GOMP_SPINCOUNT": "1000",
    "OPENBLAS_NUM_THREADS": "1",
}
"""What the process is started with, unless set otherwise: threads that wait for each
other at OpenMP's barriers spin for some microseconds, then sleep. Without a bound a
decode on two threads took up to 13 s, instead of 0.4, beside one other busy process.
Threads that sleep at once need 0.72 s for a window of 8 s, these 0.55; beside one busy
process 1.0 and 1.3. "active" is for libgomp, which else bounds spinning by 100 rounds
once the lanes together have more threads than there are cores: as slow as sleeping.
numpy's BLAS starts no threads, which forks would lose and which spin for longer: who
has a product computed on several threads gives each a part of it."""

CRASHES = frozenset(
    getattr(signal, name)
    for name in ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL")
    if hasattr(signal, name)
)
"""Signals that C code ends itself with; others come from outside."""

REAP_S = 2.0
"""From the end of the process's output to its exit."""

logger = logging.getLogger(__name__)


class NotSent(Exception):
    """Raised when the process ended before a request was sent to it."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """How often a process is asked whether it is there, and when it is given up."""

    every_s: float = 0.5
    silence_s: float = 2.0
    """Its main thread only reads and answers: beside two busy lanes within 9 ms, and
    with six more busy processes on the same two cores within 92. A machine on which it
    does not run for so long is no better than a frozen process."""


@dataclass(frozen=True, slots=True)
class _Pending:
    future: asyncio.Future[Hypothesis]
    timer: asyncio.TimerHandle
    request: DecodeRequest
    slot: int
    sent_s: float


class Child:
    """A running engine process; made by `start`."""

    def __init__(
        self,
        process: Process,
        slots: Slots,
        lanes: int,
        on_end: Callable[[], None],
        cost: CostModel | None = None,
    ) -> None:
        self.ended = asyncio.Event()
        self.served = False
        """Whether it ever returned a result."""
        self._process = process
        self._slots = slots
        self._free_slots = list(range(lanes))
        self._on_end = on_end
        self._cost = cost or CostModel()
        self._frozen_s = 0.0
        self._doomed = False
        self._lanes = asyncio.Semaphore(lanes)
        self._tickets = itertools.count(1)
        self._pending: dict[int, _Pending] = {}
        self._loop = asyncio.get_running_loop()
        self._is_heard = False
        self._loaded: asyncio.Future[EngineInfo] = self._loop.create_future()
        self._reading = asyncio.create_task(self._read())
        self._beating: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls,
        spec: HostSpec,
        command: Sequence[str],
        *,
        timeout_s: float,
        on_end: Callable[[], None],
        cost: CostModel | None = None,
        heartbeat: Heartbeat = Heartbeat(),
    ) -> tuple["Child", EngineInfo]:
        """
        Start the process, load the model, wait until it is warm.

        `cost` learns from what it decodes. One that is not heard for as long as the
        heartbeat allows, once it is warm, is killed.

        Raises:
            DiedLoading: the process ended before it was ready.
            EngineCrashed: it could not be started, or was not ready in time.
            SpeechError: what the process said it failed with.
        """
        process, slots = await _started(command, spec.lanes)
        child = cls(process, slots, spec.lanes, on_end, cost)
        try:
            info = await child._load(spec, timeout_s)
            child._beating = asyncio.create_task(child._beat(heartbeat))
            return child, info
        except BaseException:
            await child.kill()
            raise

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def obituary(self) -> str:
        """How the process ended, as a sentence without its full stop."""
        code = self._process.returncode or 0
        if self._frozen_s:
            return f"the engine process gave no sign of life for {self._frozen_s:g} s"
        if code < 0:
            return f"the engine process was killed by {signal.Signals(-code).name}"
        return f"the engine process ended with status {code}"

    @property
    def has_crashed(self) -> bool:
        """Whether it ended by itself, and not because somebody killed it."""
        code = self._process.returncode or 0
        return code > 0 or -code in CRASHES

    async def decode(self, request: DecodeRequest, limit_s: float) -> Hypothesis:
        """
        Decode when a lane is free, within `limit_s` from then.

        Cancelling it cancels the decode, and returns once its lane is free.

        Raises:
            NotSent: the process ended before; another may do it.
            EngineCrashed: the process ended meanwhile.
            DecodeTimedOut: the limit passed; the process is killed.
            EngineError: the engine refused the request.
        """
        await self._lanes.acquire()
        try:
            ticket, future = self._submit(request, limit_s)
        except BaseException:
            self._lanes.release()
            raise
        try:
            # A caller that goes away does not free the lane; the answer does.
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await self._cancel(ticket, future)
            raise

    async def _cancel(self, ticket: int, future: asyncio.Future[Hypothesis]) -> None:
        if ticket in self._pending:
            self._write(Cancel(ticket))
        await asyncio.wait([future])
        # Read, so that asyncio does not report an error that nobody waits for.
        future.exception()

    async def close(self, grace_s: float) -> None:
        """Let running decodes finish for `grace_s`, then kill."""
        self._stop_beating()
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(grace_s):
                await self.ended.wait()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End the process now and wait until it has."""
        self._kill()
        await self.ended.wait()

    async def _load(self, spec: HostSpec, timeout_s: float) -> EngineInfo:
        self._write(Load(spec, self._slots.fd))
        try:
            async with asyncio.timeout(timeout_s):
                return await self._loaded
        except TimeoutError:
            raise EngineCrashed(
                f"{spec.model}: the engine process was not ready in {timeout_s:g} s"
            ) from None

    def _submit(
        self, request: DecodeRequest, limit_s: float
    ) -> tuple[int, asyncio.Future[Hypothesis]]:
        if self._doomed:
            raise NotSent
        ticket, slot = next(self._tickets), self._free_slots[-1]
        self._slots.put(slot, request.samples)
        self._write(Decode.of(request, ticket=ticket, slot=slot))
        self._free_slots.pop()
        timer = self._loop.call_later(limit_s, self._time_out, ticket, limit_s)
        future: asyncio.Future[Hypothesis] = self._loop.create_future()
        self._pending[ticket] = _Pending(
            future, timer, request, slot, self._loop.time()
        )
        return ticket, future

    def _write(self, message: Message) -> None:
        # Not drained: no more than one frame per lane is under way.
        if self._process.stdin is not None:
            self._process.stdin.write(encode(message))

    async def _beat(self, heartbeat: Heartbeat) -> None:
        # Counted in beats: were it this process that stood still, its clock would say
        # that the other had been silent.
        silent_s = 0.0
        while silent_s < heartbeat.silence_s:
            self._is_heard = False
            self._write(Ping())
            await asyncio.sleep(heartbeat.every_s)
            silent_s = 0.0 if self._is_heard else silent_s + heartbeat.every_s
        self._frozen_s = heartbeat.silence_s
        self._kill()

    def _stop_beating(self) -> None:
        if self._beating is not None:
            self._beating.cancel()

    def _time_out(self, ticket: int, limit_s: float) -> None:
        # An encode cannot be interrupted, so the process has to go.
        self._settle(ticket, DecodeTimedOut(f"no result in {limit_s:g} s"))
        self._kill()

    def _kill(self) -> None:
        # From here on nothing is sent to it, though it may live a moment longer.
        self._doomed = True
        self._on_end()
        if self._process.returncode is None:
            self._process.kill()

    async def _read(self) -> None:
        try:
            await self._read_messages()
            async with asyncio.timeout(REAP_S):
                await self._process.wait()
        except EngineError:
            logger.exception("the engine process's output is corrupted")
        except TimeoutError:
            logger.error("the engine process closed its output but did not end")
        finally:
            self._kill()
            await self._process.wait()
            self._end()

    async def _read_messages(self) -> None:
        stdout, reader = self._process.stdout, FrameReader()
        while stdout is not None and (data := await stdout.read(READ_BYTES)):
            self._is_heard = True
            for message in reader.feed(data):
                self._receive(message)

    def _receive(self, message: Message) -> None:
        if isinstance(message, Ready):
            self._loaded.set_result(message.info)
        elif isinstance(message, Decoded):
            self.served = True
            self._learn(message)
            self._settle(message.ticket, message.hypothesis)
        elif isinstance(message, Refused):
            self._refused(message)

    def _refused(self, message: Refused) -> None:
        error = error_from_code(message.code, message.message)
        if message.ticket in self._pending:
            self._settle(message.ticket, error)
        elif not self._loaded.done():
            self._loaded.set_exception(error)

    def _learn(self, decoded: Decoded) -> None:
        pending = self._pending.get(decoded.ticket)
        # A window without words was most likely not decoded at all.
        if pending is not None and decoded.hypothesis.token_count:
            seconds = self._loop.time() - pending.sent_s
            self._cost.learn(frames_of(pending.request), seconds)

    def _settle(self, ticket: int, outcome: Hypothesis | SpeechError) -> None:
        pending = self._pending.pop(ticket, None)
        if pending is None:
            return
        pending.timer.cancel()
        self._free_slots.append(pending.slot)
        self._lanes.release()
        if isinstance(outcome, SpeechError):
            pending.future.set_exception(outcome)
        else:
            pending.future.set_result(outcome)

    def _end(self) -> None:
        self.ended.set()
        self._on_end()
        self._stop_beating()
        for ticket in list(self._pending):
            self._settle(ticket, EngineCrashed(self.obituary))
        if not self._loaded.done():
            self._loaded.set_exception(DiedLoading(f"{self.obituary} while loading"))
        self._slots.close()
        # Those who wait for a lane wake one another: each finds the process ended.
        self._lanes.release()


async def _started(command: Sequence[str], lanes: int) -> tuple[Process, Slots]:
    try:
        slots = Slots.create(lanes)
        try:
            return await _attached(command, slots), slots
        except BaseException:
            slots.close()
            raise
    except OSError as error:
        raise EngineCrashed(
            f"{command[0]}: the engine process does not start: {error.strerror}"
        ) from error


async def _attached(command: Sequence[str], slots: Slots) -> Process:
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=PIPE,
        stdout=PIPE,
        env=ENVIRONMENT | os.environ,
        pass_fds=(slots.fd,),
    )
