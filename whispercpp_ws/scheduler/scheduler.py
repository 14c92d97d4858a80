"""Run decodes on an engine host's lanes in the order of the policy."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from whispercpp_ws.decoding import DecodeRequest, Priority
from whispercpp_ws.engines.base import EngineInfo
from whispercpp_ws.errors import EngineCrashed, SpeechError, Superseded
from whispercpp_ws.scheduler.cores import Cores
from whispercpp_ws.scheduler.cost import (
    MAX_THREADS,
    PARTIAL_THREADS,
    THREADS_GAIN,
    CostModel,
    first_frame_s,
    frames_of,
)
from whispercpp_ws.scheduler.deaths import Deaths
from whispercpp_ws.scheduler.load import LoadMeter
from whispercpp_ws.scheduler.policy import MAX_WAITING, DecodeQueue
from whispercpp_ws.transcript import Hypothesis


class Host(Protocol):
    """What runs a decode: an engine host process, or a fake in tests."""

    @property
    def info(self) -> EngineInfo:
        """Say what is loaded."""
        ...

    async def decode(self, request: DecodeRequest) -> Hypothesis:
        """Run one decode on a free lane; cancelled, it returns when that is free."""
        ...


LONE_FINAL_CORES = 2
"""Those that it has for itself, if need be, where no other one waits."""

Result = asyncio.Future[Hypothesis]


@dataclass(frozen=True, slots=True)
class _Running:
    session_id: str
    request: DecodeRequest
    result: Result


class Scheduler:
    """
    Share a host's lanes between sessions.

    Every coroutine runs on one event loop; at most `info.lanes` decodes are at the host
    at a time, the others wait here, where a newer one can still take their place. So do
    they while decodes on several threads, of any model, have all cores.
    """

    def __init__(
        self,
        host: Host,
        *,
        max_waiting: int = MAX_WAITING,
        load: LoadMeter | None = None,
        cores: Cores | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._host = host
        self._cores = cores or Cores()
        self._cores.join(self)
        self._load = load
        self._cost = CostModel(frame_s=first_frame_s(host.info))
        self._clock = clock
        self._queue: DecodeQueue[Result] = DecodeQueue(max_waiting=max_waiting)
        self._waiting: dict[Result, DecodeRequest] = {}
        self._running: dict[asyncio.Task[None], _Running] = {}
        self._deaths = Deaths()
        self._lost: dict[str, int] = {}
        """Partials in a row, by session, that were ended for others' finals."""

    @property
    def info(self) -> EngineInfo:
        """Say what is loaded."""
        return self._host.info

    @property
    def partial_info(self) -> EngineInfo | None:
        """Say what decodes partials; None, as it is no other model."""
        return None

    @property
    def waiting(self) -> int:
        """Decodes that wait for a lane."""
        return len(self._queue)

    @property
    def wanted(self) -> Priority | None:
        """Name what would be started next; None while nothing waits."""
        return self._queue.first

    @property
    def threads(self) -> int:
        """Return how many threads decode now."""
        return sum(one.request.threads for one in self._running.values())

    @property
    def leaving(self) -> int:
        """Return on how many of them something was ended, which lasts a moment."""
        ended = (one for task, one in self._running.items() if task.cancelling())
        return sum(one.request.threads for one in ended)

    @property
    def lanes(self) -> int:
        """Return how many decodes may run at once."""
        return self._host.info.lanes

    def close(self) -> None:
        """Leave the cores to the other models."""
        self._cores.leave(self)

    async def decode(self, session_id: str, request: DecodeRequest) -> Hypothesis:
        """
        Decode when its turn comes.

        Cancelling it frees its place in the queue, or ends the decode: at once where
        lanes are processes, else after the encode, or the next token.

        Raises:
            Superseded: a newer decode of the session made this one worthless.
            Overloaded: too many decodes wait.
            SpeechError: whatever the host raised.
        """
        result: Result = asyncio.get_running_loop().create_future()
        self.supersede(session_id, request.priority)
        self._queue.push(
            session_id,
            request.priority,
            key=result,
            now_s=self._clock(),
            is_firm=is_firm(request),
            subject=self._load.subject_of(session_id) if self._load else "",
            cost_s=self._cost.expected_s(frames_of(request)),
        )
        self._waiting[result] = request
        if self._load is not None:
            self._load.note_asked()
        self.fill_lanes()
        try:
            return await result
        except asyncio.CancelledError:
            self._abort(lambda running: running.result is result)
            raise
        finally:
            self._waiting.pop(result, None)
            self._queue.discard(result)
            self._note_waiting()
            if self._load is not None:
                self._load.note_answered(is_done=_is_done(result))

    def supersede(self, session_id: str, newer: Priority) -> None:
        """
        Let fail what a newer decode of the session makes worthless.

        That is a waiting partial; and when the newer one is no partial itself, also
        what runs of the session, but for a final.
        """
        for ticket in self._queue.drop_partials(session_id):
            _give_up(ticket.key)
        if newer is not Priority.PARTIAL:
            self._abort(
                lambda running: (
                    running.session_id == session_id and is_worthless(running.request)
                )
            )

    def _abort(self, is_unwanted: Callable[[_Running], bool]) -> None:
        """Tell the host; the lane stays taken until the host has let go of it."""
        for task, running in self._running.items():
            if is_unwanted(running) and not task.cancelling():
                self._end(task, running)

    def _end(self, task: asyncio.Task[None], running: _Running) -> None:
        _give_up(running.result)
        task.cancel()

    def fill_lanes(self) -> None:
        """Start what waits, as far as there are lanes and cores."""
        for ticket in self._queue.drop_stale(self._clock()):
            _give_up(ticket.key)
        self._make_room()
        self._start_next()
        self._note_waiting()

    def _note_waiting(self) -> None:
        if self._load is not None:
            requests = self._waiting_requests()
            costs = (self._cost.expected_s(frames_of(request)) for request in requests)
            self._load.note_waiting(self, sum(costs))

    def _waiting_requests(self) -> list[DecodeRequest]:
        running = {one.result for one in self._running.values()}
        waiting = self._waiting.items()
        return [request for result, request in waiting if result not in running]

    def _waiting_finals(self) -> int:
        waiting = self._waiting_requests()
        return sum(one.priority is not Priority.PARTIAL for one in waiting)

    def _waits_for_two(self) -> bool:
        """
        Tell whether a lone final does better to wait for cores that are being let go.

        That takes no time where lanes are processes, and else the rest of one encode,
        0.15 s at the middle for a partial of base; two threads then save 0.3 s of a
        window of 8 s.
        """
        return self._is_final_alone and self._cores.leaving > 0

    @property
    def _is_final_alone(self) -> bool:
        return len(self._waiting_requests()) == self._waiting_finals() == 1

    def _start_next(self) -> None:
        while self._has_room and not self._waits_for_two():
            ticket = self._queue.pop(self._clock())
            if ticket is None:
                return
            request = self._boosted(self._waiting[ticket.key], ticket.session_id)
            task = asyncio.create_task(self._run(ticket.key, request))
            self._running[task] = _Running(ticket.session_id, request, ticket.key)
            task.add_done_callback(self._free_lane)

    def _make_room(self) -> None:
        """
        End partials, of whatever model, that finals would wait for or run beside.

        A lone final has two cores of them: of two speakers' finals, with tiny.en for
        partials on two cores, those at the 95th percentile came 1.01 s after the end of
        speech without that and 0.88 with it, and first texts no later. But no session
        loses more than one partial in a row for that, or two for finals without a core:
        files that are sent at once have one final after the other, and whoever speaks
        meanwhile would see nothing.
        """
        finals = self._waiting_finals()
        if not finals:
            return
        coming = self._cores.idle + self._cores.leaving
        lanes = self._lanes - len(self._running) + self.leaving
        needed = finals - min(coming, lanes)
        if self._is_final_alone:
            needed -= self._end_partials(LONE_FINAL_CORES - coming, most_lost=1)
        self._end_partials(needed, most_lost=2)

    def _end_partials(self, threads: int, *, most_lost: int) -> int:
        freed = self.end_partials(threads, most_lost=most_lost)
        others = self._cores.end_partials(
            threads - freed, most_lost=most_lost, of_others_than=self
        )
        return freed + others

    def end_partials(self, threads: int, *, most_lost: int) -> int:
        """
        End partials on so many threads, if that frees cores at once; on how many.

        No session loses more than `most_lost` in a row.
        """
        if not self._host.info.stops_at_once:
            return 0
        freed = 0
        for task, running in list(self._running.items()):
            is_partial = is_firm(running.request) and not task.cancelling()
            may_be_lost = self._lost.get(running.session_id, 0) < most_lost
            if is_partial and may_be_lost and freed < threads:
                freed += running.request.threads
                self._note_lost(running.session_id)
                self._end(task, running)
        return freed

    def _note_lost(self, session_id: str) -> None:
        self._lost[session_id] = self._lost.get(session_id, 0) + 1
        if len(self._lost) > MAX_WAITING:
            del self._lost[next(iter(self._lost))]

    @property
    def _has_room(self) -> bool:
        return self._has_lane and self._has_core

    @property
    def _has_lane(self) -> bool:
        return len(self._running) < self._lanes

    @property
    def _has_core(self) -> bool:
        # Lanes whose decodes cannot be ended at once are those of a GPU.
        return self._cores.idle > 0 or not self._host.info.stops_at_once

    @property
    def _is_shaky(self) -> bool:
        """
        Tell whether decodes run one by one, on all threads.

        An engine that is killed every 2 s is up for hardly more than one of them: two
        side by side would both be lost, where one and then the other get done.
        """
        return self._deaths.are_expected(self._clock())

    @property
    def _lanes(self) -> int:
        return 1 if self._is_shaky else self._host.info.lanes

    def _boosted(self, request: DecodeRequest, session_id: str) -> DecodeRequest:
        """
        Give a decode the cores of lanes that have nothing to do.

        A partial only takes a second, and only while nothing else runs; and none that
        is to be spared: no final shall have to wait for it.
        """
        is_partial = request.priority is Priority.PARTIAL
        is_modest = is_partial and (self._cores.busy or session_id in self._lost)
        is_crowded = len(self._queue) or is_modest
        if is_crowded and not self._is_shaky:
            return request
        most = PARTIAL_THREADS if is_partial else MAX_THREADS
        return replace(request, threads=min(max(self._cores.idle, 1), most))

    def _free_lane(self, task: asyncio.Task[None]) -> None:
        ended = self._running.pop(task)
        if is_firm(ended.request) and not task.cancelled():
            self._lost.pop(ended.session_id, None)
        self._cores.fill()
        # For what waits here when this has left the others already.
        self.fill_lanes()

    async def _run(self, result: Result, request: DecodeRequest) -> None:
        try:
            hypothesis = await self._timed(request)
        except SpeechError as error:
            if not result.done():
                result.set_exception(error)
        else:
            if not result.done():
                result.set_result(hypothesis)

    async def _timed(self, request: DecodeRequest) -> Hypothesis:
        started_s = self._clock()
        try:
            hypothesis = await self._host.decode(request)
        except asyncio.CancelledError:
            self._note_work(request, self._clock() - started_s)
            raise
        except EngineCrashed:
            self._deaths.note(self._clock())
            if self._load is not None:
                self._load.note_death()
            raise
        # A failure is no work: most of its time is the wait for another process.
        taken_s = self._clock() - started_s
        self._note_work(request, taken_s)
        if hypothesis.token_count:
            self._cost.learn(frames_of(request), _alone_s(request, taken_s))
        return hypothesis

    def _note_work(self, request: DecodeRequest, taken_s: float) -> None:
        if self._load is not None:
            self._load.note_work(_alone_s(request, taken_s), request.priority)


def _alone_s(request: DecodeRequest, taken_s: float) -> float:
    """Return what a decode would have taken on one thread, as with all lanes busy."""
    gain: float = request.threads**THREADS_GAIN
    return taken_s * gain


def is_firm(request: DecodeRequest) -> bool:
    """Tell whether a decode that comes late is worthless: real partials are."""
    is_detection = request.options.language == "auto"
    return request.priority is Priority.PARTIAL and not is_detection


def is_worthless(request: DecodeRequest) -> bool:
    """
    Tell whether a running decode is of no use once its session asks for a final.

    A session has at most one partial and one other decode out, so a speculative final
    is stale when it asks for the next. A detection of the language is a partial only
    by its priority: the final itself waits for it.
    """
    is_detection = request.options.language == "auto"
    return request.priority is not Priority.FINAL and not is_detection


def _is_done(result: Result) -> bool:
    return result.done() and not result.cancelled() and result.exception() is None


def _give_up(result: Result) -> None:
    # It may have been cancelled, or answered, in this very step of the loop.
    if not result.done():
        result.set_exception(Superseded("a newer decode took its place"))
