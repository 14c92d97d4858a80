"""Drive one session: audio in slices, decodes as tasks, events out."""

import asyncio
import logging
from collections.abc import Callable, Iterator

from whispercpp_ws.access.limits import DecodeBacklog
from whispercpp_ws.decoding import DecodeRequest, Priority
from whispercpp_ws.errors import (
    EngineCrashed,
    SpeechError,
    Superseded,
    WindowQuarantined,
)
from whispercpp_ws.events import (
    Acknowledged,
    AudioFormat,
    Ended,
    Event,
    Failed,
    Final,
    Reconfigure,
    SpeechEnded,
    Warned,
)
from whispercpp_ws.metrics import Metrics
from whispercpp_ws.scheduler.load import Unloaded
from whispercpp_ws.server.arrival import ArrivalTimes
from whispercpp_ws.server.decoder import Decoder
from whispercpp_ws.server.shedding import Shedding
from whispercpp_ws.server.stages import FinalStages
from whispercpp_ws.session.session import Session
from whispercpp_ws.transcript import Hypothesis


FINAL_TRIES = 8
"""Times a final is decoded, at least, before its session is given up. A window that
crashes the engine by itself is left out after two, so these are for whatever kills it
from outside, such as a system short of memory."""
FINAL_DEATHS = 60
FINAL_TRIED_S = 60.0
"""Since a final was first asked for, before which so many engines may die under it: on
a busy machine a new one takes a second, and may be killed as soon."""
LOST_LOGPROB = -10.0
"""What is known of a window that cannot be decoded: nothing."""
SLICE_S = 0.2
"""Audio fed at once: resampling and voice detection of it take 2 ms, for which no ping
is answered; where others have the cores too, several times as long."""

SHED = Superseded("the lanes have no time for a partial")

Log = logging.LoggerAdapter[logging.Logger]


class SessionPump:
    """
    Move everything in and out of one session, in one event loop.

    `emit` is called with each event in order, and `note_pause` with True when audio
    has to wait for decodes and False when it may come again.
    """

    def __init__(
        self,
        session: Session,
        *,
        audio: AudioFormat,
        decoder: "SessionDecoder",
        arrivals: ArrivalTimes,
        pause_backlog_s: float,
        emit: Callable[[Event], None],
        note_pause: Callable[[bool], None],
    ) -> None:
        self._session = session
        self._slice_bytes = max(1, int(SLICE_S * audio.rate)) * audio.frame_bytes
        self._decoder = decoder
        self._arrivals = arrivals
        self._pause_backlog_s = pause_backlog_s
        self._emit = emit
        self._note_pause = note_pause
        self._backlog = DecodeBacklog()
        self._caught_up = asyncio.Event()
        self._caught_up.set()
        self._decodes: set[asyncio.Task[None]] = set()
        self._closing_error: SpeechError | None = None
        self.heard_bytes = 0
        """Bytes of the client's audio that the session has heard."""
        self.is_closing = False
        """Whether the end of the audio was taken; only finals come after that."""

    @property
    def received_s(self) -> float:
        """Seconds of audio the session has heard."""
        return self._session.received_s

    @property
    def utterance_open(self) -> bool:
        """Whether there is an utterance that `flush` would finish."""
        return self._session.utterance_open

    async def hear(self, data: bytearray, *, arrived_s: float) -> None:
        """Feed audio that came at a monotonic time; waits while decodes lag behind."""
        for piece in _slices(data, self._slice_bytes):
            await self._wait_until_caught_up()
            if self.is_closing:
                return
            self._session.receive_audio(piece)
            self.heard_bytes += len(piece)
            self._arrivals.note(self.received_s, at_s=arrived_s)
            self._decoder.shedding.note_heard(
                self.received_s, is_speech=self.utterance_open
            )
            self._step()
            # A yield, no delay: other connections run between two slices.
            await asyncio.sleep(0)

    def flush(self) -> None:
        """Finish the open utterance now."""
        self._session.flush()
        self._step()

    def hold(self) -> None:
        """Keep utterances open through silence until the next flush."""
        self._session.hold()

    def reconfigure(self, change: Reconfigure) -> None:
        """Change options from the next utterance on."""
        self._session.reconfigure(change)

    def end(self, error: SpeechError | None = None) -> None:
        """
        Take the end of the audio: every final follows, and one last event.

        With an error the last event is `Failed` with it, even if all went well.
        """
        if self.is_closing:
            return
        self.is_closing = True
        self._closing_error = error
        self._caught_up.set()
        self._session.receive_eof()
        self._step()

    def stop(self) -> None:
        """Give up the decodes that still run; nothing is emitted any more."""
        self._emit = self._note_pause = _ignore
        self._decoder.leave()
        for task in self._decodes:
            task.cancel()

    async def close(self) -> None:
        """Stop, and wait until no decode is left."""
        self.stop()
        await asyncio.gather(*self._decodes, return_exceptions=True)

    def _step(self) -> None:
        """Pass events on and start the decodes the session wants."""
        self._pass_events_on()
        self._session.adapt(self._decoder.shedding.adaptation)
        while (request := self._session.decode_to_run()) is not None:
            if self._is_shed(request):
                self._session.receive_failure(request.id, SHED)
                continue
            task = asyncio.create_task(self._decode(request))
            self._decodes.add(task)
            task.add_done_callback(self._decodes.discard)

    def _is_shed(self, request: DecodeRequest) -> bool:
        """Leave out a partial that the lanes have no time for."""
        if (news := self._decoder.shedding.news()) is not None:
            self._emit(news)
        return self._decoder.sheds(request, at_s=self.received_s)

    def _pass_events_on(self) -> None:
        for event in self._session.events_received():
            if isinstance(event, SpeechEnded):
                self._decoder.note_speech_end(event)
                self._backlog.utterance_over(event.end_s, received_s=self.received_s)
            elif isinstance(event, Acknowledged):
                self._backlog.settled(event.offset_s)
            elif isinstance(event, Final):
                self._note_final(event)
            elif isinstance(event, Ended | Failed):
                # It may be kept for a peer to come, but nobody speaks in it any more.
                self._decoder.leave()
            self._emit(self._with_reason(event))
        if not self._session.utterance_open and not self._session.backlog_s:
            self._decoder.note_settled()
        self._note_backlog()

    def _note_final(self, final: Final) -> None:
        now_s = asyncio.get_running_loop().time()
        lag_ms = self._arrivals.lag_ms(final.end_s, now_s=now_s)
        if lag_ms is not None:
            self._decoder.note_final(final, lag_s=lag_ms / 1000)

    def _with_reason(self, event: Event) -> Event:
        if isinstance(event, Ended) and self._closing_error is not None:
            return Failed(self._closing_error)
        return event

    def _note_backlog(self) -> None:
        behind_s = self._backlog.behind_s(self.received_s)
        if behind_s <= self._pause_backlog_s or self.is_closing:
            self._caught_up.set()
        else:
            self._caught_up.clear()

    async def _wait_until_caught_up(self) -> None:
        if self._caught_up.is_set():
            return
        self._note_pause(True)
        await self._caught_up.wait()
        self._note_pause(False)

    async def _decode(self, request: DecodeRequest) -> None:
        """Run one decode to its end; the outermost frame of its task."""
        try:
            await self._decode_once(request)
            self._step()
        except Exception:
            self._decoder.log.exception("decode %d broke the session", request.id)
            self._emit(Failed(SpeechError("the server has made a mistake; try again")))

    async def _decode_once(self, request: DecodeRequest) -> None:
        try:
            hypothesis = await self._decoder.decode(request)
        except WindowQuarantined as error:
            self._emit(Warned(error.code, str(error)))
            self._session.receive_hypothesis(request.id, _nothing(request))
        except SpeechError as error:
            self._note_failure(request, error)
            self._session.receive_failure(request.id, error)
        else:
            self._session.receive_hypothesis(request.id, hypothesis)

    def _note_failure(self, request: DecodeRequest, error: SpeechError) -> None:
        if isinstance(error, Superseded):
            return
        self._decoder.log.warning(
            "decode %d (%s) failed: %s", request.id, request.priority.name, error
        )
        if not is_needed(request):
            self._emit(Warned(error.code, f"a partial was lost: {error}"))


class SessionDecoder:
    """The decoder as one session sees it: named, measured, tried again for finals."""

    def __init__(
        self,
        decoder: Decoder,
        session_id: str,
        *,
        metrics: Metrics,
        log: Log,
        shedding: Shedding | None = None,
        on_settled: Callable[[str], None] | None = None,
    ) -> None:
        self._decoder = decoder
        self._on_settled = on_settled
        self.shedding = shedding or Shedding(
            Unloaded(), session_id=session_id, step_ms=0
        )
        self._session_id = session_id
        self._metrics = metrics
        self._stages = FinalStages()
        self.log = log

    def sheds(self, request: DecodeRequest, *, at_s: float) -> bool:
        """Tell whether a request at a time of the audio is left out, and count it."""
        is_shed = not is_needed(request) and self.shedding.sheds_partial(at_s=at_s)
        if is_shed:
            self._metrics.shed_partials.inc()
        return is_shed

    async def decode(self, request: DecodeRequest) -> Hypothesis:
        """
        Run a decode; one that is needed is tried `FINAL_TRIES` times, or longer.

        Raises:
            SpeechError: the last try failed, or trying again does not help.
        """
        clock = asyncio.get_running_loop().time
        began_s, tries = clock(), 0
        while True:
            tries += 1
            try:
                return await self._measured(request)
            except SpeechError as error:
                has_died = isinstance(error, EngineCrashed)
                is_early = has_died and clock() - began_s < FINAL_TRIED_S
                limit = FINAL_DEATHS if is_early else FINAL_TRIES
                if not (error.retryable and is_needed(request) and tries < limit):
                    raise
                self.log.warning("decode %d is tried again: %s", request.id, error)

    def note_settled(self) -> None:
        """Note that every utterance so far is over and has its final."""
        if self._on_settled is not None:
            self._on_settled(self._session_id)

    def leave(self) -> None:
        """Note that the session is over."""
        self.note_settled()
        self.shedding.leave()

    def note_speech_end(self, ended: SpeechEnded) -> None:
        """Note that an utterance is now known to be over."""
        self._stages.note_end(ended.end_s, at_s=asyncio.get_running_loop().time())

    def note_final(self, final: Final, *, lag_s: float) -> None:
        """Count what a final was waiting for, `lag_s` after the end of its speech."""
        now_s = asyncio.get_running_loop().time()
        stages = self._stages.of_final(final.end_s, lag_s=lag_s, now_s=now_s)
        if stages is not None:
            self._metrics.final_s.labels("endpoint").observe(stages.endpoint_s)
            self._metrics.final_s.labels("queue").observe(stages.queue_s)
            self._metrics.final_s.labels("decode").observe(stages.decode_s)

    async def _measured(self, request: DecodeRequest) -> Hypothesis:
        started_s = asyncio.get_running_loop().time()
        try:
            hypothesis = await self._decoder.decode(self._session_id, request)
        except SpeechError as error:
            self._metrics.decode_failures.labels(error.code).inc()
            raise
        done_s = asyncio.get_running_loop().time()
        self._stages.note_decode(request, hypothesis.decode_s, done_s=done_s)
        self._count(request, hypothesis, seconds=done_s - started_s)
        if request.priority is not Priority.PARTIAL:
            self.shedding.note_final(lateness_s(hypothesis, done_s - started_s))
        return hypothesis

    def _count(
        self, request: DecodeRequest, hypothesis: Hypothesis, *, seconds: float
    ) -> None:
        metrics, kind, cost = self._metrics, request.kind, hypothesis.cost
        metrics.decode_s.labels(request.priority.name.lower()).observe(seconds)
        # What is not in a lane is the wait for one, and the pipe to the engine.
        metrics.queue_s.labels(kind).observe(max(0.0, seconds - hypothesis.decode_s))
        metrics.lane_s.labels(kind).observe(hypothesis.decode_s)
        metrics.decode_cpu_s.labels(kind).inc(cost.cpu_s)
        metrics.vad_cpu_s.inc(cost.vad_cpu_s)
        metrics.encoder_flops.labels(kind).inc(cost.encoder_flops)


def lateness_s(hypothesis: Hypothesis, seconds: float) -> float:
    """
    Return how much of a decode's time was a wait: for a lane, or for a core in it.

    From when it was asked for: a file that is sent faster than it was spoken waits for
    its own earlier decodes, and that is not the server's lateness. An engine that does
    not tell its CPU time is taken to have had a core all the time.
    """
    alone_s = hypothesis.cost.cpu_s or hypothesis.decode_s
    return max(0.0, seconds - alone_s)


def is_needed(request: DecodeRequest) -> bool:
    """Tell whether a session cannot go on without a decode: all but real partials."""
    # The detection of a language runs at a partial's priority, but finals wait for it.
    is_detection = request.options.language == "auto"
    return request.priority is not Priority.PARTIAL or is_detection


def _nothing(request: DecodeRequest) -> Hypothesis:
    language = request.options.language
    return Hypothesis(
        language="" if language == "auto" else language,
        mean_logprob=LOST_LOGPROB,
        language_probability=0.0,
    )


def _slices(data: bytearray, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield bytes(data[start : start + size])


def _ignore(_news: Event | bool) -> None:
    """Take what is said to a connection that is gone."""
