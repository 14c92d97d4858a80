"""
One session in simulated time: no socket, no sleep, and no other work in its way.

Frames arrive when they are due. A decode asked for at a simulated time runs at once,
and its result is delivered when a lane of its own would have been done with it: the CPU
it took is the time it takes. Partials have one lane and everything else another, as on
two cores. So a busy machine makes a replay late, not its numbers, as far as it leaves
the CPU time of a decode alone.
"""

import heapq
import itertools
import math
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from scripts.bench.adapters.ours import as_timeline
from scripts.bench.audio import FRAME_S, StreamAudio
from scripts.bench.timeline import SentFrame, Timeline
from whispercpp_ws.decoding import DecodeRequest, Priority
from whispercpp_ws.engines.base import Lane
from whispercpp_ws.errors import SpeechError
from whispercpp_ws.events import Event, Failed, Final, Partial, SpeechEnded
from whispercpp_ws.protocols.native_events import ServerMessage
from whispercpp_ws.server.stages import FinalStages
from whispercpp_ws.session.session import Session
from whispercpp_ws.transcript import Hypothesis


BOOSTED_WALL, BOOSTED_CPU = 0.7, 1.1
"""What two threads make of a final's time and CPU: see `scheduler.MAX_THREADS`."""


class Spent:
    """What replays have cost so far, under the names of `/metrics`."""

    def __init__(self) -> None:
        self.counters: defaultdict[str, float] = defaultdict(float)
        self.session_cpu_s = 0.0
        """CPU of the sessions: resampling, voice detection, agreement, guards."""

    @property
    def cpu_s(self) -> float:
        """CPU of decodes, their voice detection and sessions."""
        decodes = sum(
            seconds
            for name, seconds in self.counters.items()
            if name.startswith(("decode_cpu_seconds.", "vad_cpu_seconds"))
        )
        return decodes + self.session_cpu_s

    def note_decode(
        self, request: DecodeRequest, heard: Hypothesis, *, factor: float
    ) -> None:
        """Count a decode that took `factor` times the CPU of one thread."""
        cost, kind = heard.cost, request.kind
        self.counters[f"decode_cpu_seconds.{kind}"] += factor * cost.cpu_s
        self.counters["vad_cpu_seconds"] += cost.vad_cpu_s
        self.counters[f"encoder_flops.{kind}"] += cost.encoder_flops

    def note_final(self, stages: FinalStages, final: Final, *, now_s: float) -> None:
        """Count what a final waited for."""
        lag_s = now_s - arrived_s(final.end_s)
        split = stages.of_final(final.end_s, lag_s=lag_s, now_s=now_s)
        if split is not None:
            for stage in ("endpoint", "queue", "decode"):
                seconds = getattr(split, f"{stage}_s")
                self.counters[f"final_seconds.{stage}.sum"] += seconds
                self.counters[f"final_seconds.{stage}.count"] += 1


@dataclass(frozen=True, slots=True, order=True)
class _Answer:
    at_s: float
    number: int
    request: DecodeRequest
    heard: Hypothesis


class Replay:
    """
    Runs one session once; `lane` is used from the calling thread.

    With a `speed` of 2 a decode takes half of the time that its CPU says.
    """

    def __init__(
        self, session: Session, lane: Lane, spent: Spent, *, speed: float = 1.0
    ) -> None:
        self._session = session
        self._lane = lane
        self._spent = spent
        self._speed = speed
        self._stages = FinalStages()
        self._now_s = 0.0
        # When the lane for partials, and the one for everything else, is free.
        self._free_s = {True: 0.0, False: 0.0}
        self._answers: list[_Answer] = []
        self._numbers = itertools.count()
        self._messages: list[tuple[float, ServerMessage]] = []

    def run(self, audio: StreamAudio) -> Timeline:
        """Hear a clip with its silences, in frames of `FRAME_S`, and then its end."""
        sent = []
        try:
            for number, frame in enumerate(audio.frames(), start=1):
                due_s = number * FRAME_S
                self._answer_until(due_s)
                self._take(partial(self._session.receive_audio, frame))
                sent.append(SentFrame(due_s, due_s))
            self._take(self._session.receive_eof)
            self._answer_until(math.inf)
        except SpeechError as error:
            return as_timeline(sent, self._messages, self._now_s, str(error))
        return as_timeline(sent, self._messages, self._now_s, self._failure())

    def _answer_until(self, until_s: float) -> None:
        while self._answers and self._answers[0].at_s <= until_s:
            answer = heapq.heappop(self._answers)
            request, heard = answer.request, answer.heard
            self._now_s = answer.at_s
            self._stages.note_decode(request, heard.decode_s, done_s=self._now_s)
            self._take(partial(self._session.receive_hypothesis, request.id, heard))
        if until_s < math.inf:
            self._now_s = until_s

    def _take(self, hear: Callable[[], None]) -> None:
        """Give the session something, pass its events on, start what it asks for."""
        before_s = time.thread_time()
        hear()
        events = self._session.events_received()
        self._spent.session_cpu_s += time.thread_time() - before_s
        for event in events:
            self._note(event)
        while (request := self._session.decode_to_run()) is not None:
            self._start(request)

    def _start(self, request: DecodeRequest) -> None:
        heard = self._lane.decode(request)
        cost_s = (heard.cost.cpu_s + heard.cost.vad_cpu_s) / self._speed
        is_partial = request.priority is Priority.PARTIAL
        start_s = max(self._now_s, self._free_s[is_partial])
        is_alone = not is_partial and self._free_s[True] <= start_s
        wall, cpu = (BOOSTED_WALL, BOOSTED_CPU) if is_alone else (1.0, 1.0)
        done_s = self._free_s[is_partial] = start_s + wall * cost_s
        self._spent.note_decode(request, heard, factor=cpu)
        # Sessions pace their partials by both.
        cost = replace(heard.cost, cpu_s=heard.cost.cpu_s / self._speed)
        heard = replace(heard, decode_s=done_s - start_s, cost=cost)
        answer = _Answer(done_s, next(self._numbers), request, heard)
        heapq.heappush(self._answers, answer)

    def _note(self, event: Event) -> None:
        lag_ms = None
        if isinstance(event, Partial | Final):
            lag_ms = round(1000 * (self._now_s - arrived_s(event.end_s)))
        if isinstance(event, SpeechEnded):
            self._stages.note_end(event.end_s, at_s=self._now_s)
        elif isinstance(event, Final):
            self._spent.note_final(self._stages, event, now_s=self._now_s)
        self._messages.append((self._now_s, ServerMessage(event, lag_ms)))

    def _failure(self) -> str:
        last = self._messages[-1][1].event
        return str(last.error) if isinstance(last, Failed) else ""


def arrived_s(position_s: float) -> float:
    """Return when the frame came that holds a position of the audio."""
    # The small term: 0.3 / 0.1 is a little less than 3, or a little more.
    return math.ceil(position_s / FRAME_S - 1e-6) * FRAME_S
