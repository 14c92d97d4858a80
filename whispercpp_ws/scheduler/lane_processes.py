"""
Lanes that are forks of the engine's process, so that a decode can be ended at once.

An encode in C cannot be interrupted, and a final that waits for the rest of a partial's
comes late. A process can be killed: base's lane is gone after 14 ms, and another one is
there after 35, for the weights are shared with the process that loaded them. That one
never decodes, and so has no threads that a fork would lose.
"""

import ctypes
import gc
import logging
import os
import select
import signal
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from typing import NoReturn

from whispercpp_ws.engines.base import Engine, Lane
from whispercpp_ws.errors import (
    EngineCrashed,
    EngineError,
    SpeechError,
    Superseded,
    error_from_code,
)
from whispercpp_ws.scheduler.answers import IDLE_S, Send, Sender, answer
from whispercpp_ws.scheduler.inbox import Inbox
from whispercpp_ws.scheduler.slots import Slots
from whispercpp_ws.scheduler.wire import (
    LOAD_TICKET,
    Cancel,
    Decode,
    HostSpec,
    Message,
    Ping,
    Pong,
    Ready,
    Refused,
    encode,
)


STDERR = 2
PR_SET_PDEATHSIG = 1
"""Of Linux's prctl(2): the signal to get when the parent ends."""

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class LaneProcess:
    """A fork that decodes, as seen from the process it was forked from."""

    pid: int
    channel: socket.socket
    inbox: Inbox = field(init=False)
    ticket: int | None = None
    """What it decodes now."""
    is_asked: bool = False
    """Whether it was asked for a sign of life and has given none."""
    is_ready: bool = False
    """Whether it has the buffers for its first decode."""

    def __post_init__(self) -> None:
        """Read what it says."""
        self.inbox = Inbox(self.channel.fileno())

    def fileno(self) -> int:
        """Return the descriptor, for `select`."""
        return self.channel.fileno()

    def start(self, job: Decode) -> None:
        """Send it a decode."""
        self.ticket = job.ticket
        self._send(job)

    def ask(self) -> None:
        """Ask it for a sign of life."""
        self.is_asked = True
        self._send(Ping())

    def end(self, number: signal.Signals | None = None) -> int:
        """Kill it, or let it end by itself; returns its code, or minus a signal."""
        if number is not None:
            os.kill(self.pid, number)
        self.channel.close()
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)

    def _send(self, message: Message) -> None:
        # That it is gone is told by the end of its channel.
        with suppress(OSError):
            self.channel.sendall(encode(message))


class LaneProcesses:
    """One engine and a fork of it per lane; one thread, which only passes on."""

    def __init__(
        self, engine: Engine, spec: HostSpec, slots: Slots, send: Send
    ) -> None:
        self._engine = engine
        self._slots = slots
        self._send = send
        # What lies here now is shared for good: nobody looks through it for garbage.
        gc.collect()
        gc.freeze()
        self._most_lanes = spec.lanes
        self._lanes: list[LaneProcess] = []
        for _ in range(spec.lanes):
            self._fork(warms_up=spec.warm_up)
        try:
            fastest_s = min(self._warmed_up(lane) for lane in [*self._lanes])
        except BaseException:
            self._close()
            raise
        self._info = replace(engine.info, frame_s=fastest_s, stops_at_once=True)

    def serve(self, inbox: Inbox) -> None:
        """Say that the lanes are ready, and answer until the inbox is over."""
        self._send(Ready(self._info))
        try:
            self._submit(*inbox.unread())
            while not inbox.is_over or self._is_busy:
                self._pass_on(inbox)
                if not self._is_busy:
                    self._complete()
        finally:
            self._close()

    def _close(self) -> None:
        for lane in self._lanes:
            lane.end()
        gc.unfreeze()
        self._engine.close()

    @property
    def _is_busy(self) -> bool:
        return any(lane.ticket is not None for lane in self._lanes)

    def _complete(self) -> None:
        """
        Make the lanes that are missing, while nobody decodes.

        Making one takes 30 ms of a core, and the final for which another was ended
        wants them all: its threads wait for the slowest.
        """
        while len(self._lanes) < self._most_lanes:
            self._fork(warms_up=False)

    def _pass_on(self, inbox: Inbox) -> None:
        """Wait for something to be said on either side."""
        sources: list[LaneProcess | Inbox] = [*self._lanes]
        if not inbox.is_over:
            sources.append(inbox)
        heard, _, _ = select.select(sources, [], [])
        for lane in [lane for lane in self._lanes if lane in heard]:
            self._hear(lane)
        if inbox in heard:
            self._submit(*inbox.receive())

    def _submit(self, *messages: Message) -> None:
        for message in messages:
            if isinstance(message, Ping):
                self._ask()
            elif isinstance(message, Cancel):
                self._cancel(message.ticket)
            elif isinstance(message, Decode):
                self._free_lane().start(message)
            else:
                raise EngineError(
                    f"engine host: expected a decode, got {message!r:.80}"
                )

    def _ask(self) -> None:
        for lane in self._lanes:
            lane.ask()
        # Where none is left there is nobody to wait for.
        self._give_sign()

    def _free_lane(self) -> LaneProcess:
        # The gateway sends no more decodes than there are lanes.
        free = [lane for lane in self._lanes if lane.ticket is None]
        if not free:
            return self._fork(warms_up=False)
        return max(free, key=lambda lane: lane.is_ready)

    def _cancel(self, ticket: int) -> None:
        # The answer may be on its way already: then there is nothing to cancel.
        for lane in [lane for lane in self._lanes if lane.ticket == ticket]:
            lane.end(signal.SIGKILL)
            self._remove(lane, Superseded("the decode was cancelled"))

    def _hear(self, lane: LaneProcess) -> None:
        for message in lane.inbox.receive():
            if isinstance(message, Ready):
                lane.is_ready = True
            elif isinstance(message, Pong):
                lane.is_asked = False
                self._give_sign()
            else:
                lane.ticket = None
                self._tell(message)
        if lane.inbox.is_over:
            self._mourn(lane)

    def _give_sign(self) -> None:
        """Answer for all lanes: where one is frozen the process is as good as that."""
        if not any(lane.is_asked for lane in self._lanes):
            self._tell(Pong())

    def _tell(self, message: Message) -> None:
        try:
            self._send(message)
        except OSError:
            logger.info("the gateway is gone; a result is dropped")

    def _mourn(self, lane: LaneProcess) -> None:
        """Forget a lane that somebody killed; of one that crashed die as it did."""
        code = lane.end()
        if code != -signal.SIGKILL:
            self._lanes.remove(lane)
            _die_as(code)
        self._remove(lane, EngineCrashed("the engine's lane was killed by SIGKILL"))

    def _remove(self, lane: LaneProcess, reason: SpeechError) -> None:
        self._lanes.remove(lane)
        if lane.ticket is not None:
            self._tell(Refused(lane.ticket, reason.code, str(reason)))
        if lane.is_asked:
            self._give_sign()

    def _fork(self, *, warms_up: bool) -> LaneProcess:
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if not pid:
            _run(self._engine, self._slots, theirs, warms_up=warms_up)
        theirs.close()
        self._lanes.append(LaneProcess(pid, ours))
        return self._lanes[-1]

    def _warmed_up(self, lane: LaneProcess) -> float:
        """Wait for a lane's first words; returns its seconds for each frame."""
        said = lane.inbox.first()
        if said is None:
            self._lanes.remove(lane)
            _die_as(lane.end())
        if isinstance(said, Refused):
            raise error_from_code(said.code, said.message)
        assert isinstance(said, Ready)
        lane.is_ready = True
        return said.info.frame_s


def _die_as(code: int) -> NoReturn:
    """End this process as a lane ended, for the gateway to see why."""
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    raise SystemExit(code or 1)


def _run(
    engine: Engine, slots: Slots, channel: socket.socket, *, warms_up: bool
) -> NoReturn:
    """Be a lane, in the fork; nothing of the other process's stack is unwound."""
    code = 1
    try:
        _let_go(channel.fileno())
        with channel.makefile("wb") as stream:
            inbox = Inbox(channel.fileno())
            run_lane(engine, slots, inbox, Sender(stream), warms_up=warms_up)
        code = 0
    except BaseException:
        logger.exception("lane %d ends", os.getpid())
    finally:
        os._exit(code)


def _let_go(channel_fd: int) -> None:
    """End with the process this is a fork of, and let go of what belongs to it."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    # Not `closerange`: where libc has none it tries a million numbers.
    for name in os.listdir("/proc/self/fd"):
        if int(name) > STDERR and int(name) != channel_fd:
            # One of them was for the list itself.
            with suppress(OSError):
                os.close(int(name))


def run_lane(
    engine: Engine, slots: Slots, inbox: Inbox, send: Send, *, warms_up: bool
) -> None:
    """Decode what comes, and end at once when nobody is there to be answered."""
    jobs: SimpleQueue[Decode] = SimpleQueue()
    reading = threading.Thread(target=_read, args=(inbox, jobs, send), daemon=True)
    reading.start()
    try:
        lane = engine.open_lane()
    except EngineError as error:
        send(Refused(LOAD_TICKET, error.code, str(error)))
        return
    frame_s = lane.warm_up() if warms_up else 0.0
    send(Ready(replace(engine.info, frame_s=frame_s)))
    while True:
        answered = answer(lane, _next(lane, jobs), slots)
        # Where nobody is there to be answered, the other thread ends it all.
        with suppress(OSError):
            send(answered)


def _read(inbox: Inbox, jobs: SimpleQueue[Decode], send: Send) -> None:
    for message in inbox:
        if isinstance(message, Decode):
            jobs.put(message)
        else:
            with suppress(OSError):
                send(Pong())
    # Whatever is decoded now is for nobody, and would take the next process's time.
    os._exit(0)


def _next(lane: Lane, jobs: SimpleQueue[Decode]) -> Decode:
    try:
        return jobs.get(timeout=IDLE_S)
    except Empty:
        lane.rest()
        return jobs.get()
