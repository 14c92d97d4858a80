"""Lanes that are threads of the engine's process: for a GPU, and where forks fail."""

import logging
import queue
import threading
from dataclasses import replace

from whispercpp_ws.engines.base import Engine, Lane
from whispercpp_ws.errors import EngineError
from whispercpp_ws.scheduler.answers import IDLE_S, Send, answer
from whispercpp_ws.scheduler.inbox import Inbox
from whispercpp_ws.scheduler.slots import Slots
from whispercpp_ws.scheduler.wire import (
    Cancel,
    Decode,
    HostSpec,
    Message,
    Ping,
    Pong,
    Ready,
)


logger = logging.getLogger(__name__)


class LaneThreads:
    """
    One engine and a thread per lane, fed from one queue.

    A decode that is cancelled ends when its encode does: there is no way to stop a
    thread in C.
    """

    def __init__(
        self, engine: Engine, spec: HostSpec, slots: Slots, send: Send
    ) -> None:
        self._engine = engine
        self._slots = slots
        self._send = send
        self._jobs: queue.SimpleQueue[Decode | None] = queue.SimpleQueue()
        self._cancelled: dict[int, threading.Event] = {}
        """By ticket, for every decode that has no answer yet."""
        self._lanes = [engine.open_lane() for _ in range(spec.lanes)]
        self._info = engine.info
        if spec.warm_up:
            # The first one also fetched the weights from memory for the others.
            fastest_s = min(lane.warm_up() for lane in self._lanes)
            self._info = replace(self._info, frame_s=fastest_s)
        self._threads = [
            threading.Thread(target=self._serve, args=(lane,), name=f"lane-{index}")
            for index, lane in enumerate(self._lanes)
        ]

    def serve(self, inbox: Inbox) -> None:
        """Say that the lanes are ready, and answer until the inbox is over."""
        for thread in self._threads:
            thread.start()
        self._send(Ready(self._info))
        try:
            for message in inbox:
                self._submit(message)
        finally:
            self._close()

    def _submit(self, message: Message) -> None:
        # The gateway sends no more decodes than there are lanes.
        if isinstance(message, Ping):
            self._send(Pong())
        elif isinstance(message, Cancel):
            self._cancel(message.ticket)
        elif isinstance(message, Decode):
            self._cancelled[message.ticket] = threading.Event()
            self._jobs.put(message)
        else:
            raise EngineError(f"engine host: expected a decode, got {message!r:.80}")

    def _close(self) -> None:
        """Finish the decodes that run, then free lanes and weights."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()
        for lane in self._lanes:
            lane.close()
        self._engine.close()

    def _cancel(self, ticket: int) -> None:
        # The answer may be on its way already: then there is nothing to cancel.
        flag = self._cancelled.get(ticket)
        if flag is not None:
            flag.set()

    def _next(self, lane: Lane) -> Decode | None:
        try:
            return self._jobs.get(timeout=IDLE_S)
        except queue.Empty:
            lane.rest()
            return self._jobs.get()

    def _serve(self, lane: Lane) -> None:
        while (job := self._next(lane)) is not None:
            answered = answer(
                lane, job, self._slots, self._cancelled[job.ticket].is_set
            )
            del self._cancelled[job.ticket]
            try:
                self._send(answered)
            except OSError:
                logger.info("the gateway is gone; a result is dropped")
