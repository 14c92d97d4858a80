"""
One client's stream of audio, from PCM to events, without I/O or a clock.

    session.receive_audio(pcm)              # or receive_eof(), flush(), reconfigure()
    for event in session.events_received(): ...
    while request := session.decode_to_run(): ...
    session.receive_hypothesis(request.id, hypothesis)

The session never raises for what a peer sent: a broken limit becomes a `Failed` event.
At most two decodes are out at a time, a partial and a final that overtook it. After
`receive_eof()` exactly one `Ended` or `Failed` follows, after every final. The clock is
the count of samples, so the same PCM in any chunking gives the same finals.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from whispercpp_ws.decoding import SAMPLE_RATE, DecodeRequest, Samples
from whispercpp_ws.errors import BadAudio, SpeechError
from whispercpp_ws.events import (
    Acknowledged,
    Ended,
    Event,
    Failed,
    Partial,
    Reconfigure,
    SessionOptions,
    SpeechEnded,
    SpeechStarted,
)
from whispercpp_ws.session.adaptation import Adaptation
from whispercpp_ws.session.audio import PcmReader, SampleBuffer
from whispercpp_ws.session.context import without_guesses
from whispercpp_ws.session.division import dividing_pause, is_rejoined
from whispercpp_ws.session.endpoint import (
    HYSTERESIS_FRAMES,
    Endpointer,
    Signal,
)
from whispercpp_ws.session.finals import final_of, is_doubtful, take_decode, words_of
from whispercpp_ws.session.guards import HIDDEN_LOGPROB, Checked, check
from whispercpp_ws.session.language import LanguageMemory
from whispercpp_ws.session.phases import Input, Phase
from whispercpp_ws.session.planner import Asked, DecodePlanner, Purpose
from whispercpp_ws.session.resample import StreamResampler
from whispercpp_ws.session.tuning import Tuning
from whispercpp_ws.session.utterance import Part, Pause, Utterance
from whispercpp_ws.session.vad import FRAME_SAMPLES, VoiceDetector
from whispercpp_ws.transcript import Hypothesis, Word, join_words


DEFAULT_TUNING = Tuning()


class Session:
    """Turn PCM and hypotheses into events and decode requests."""

    def __init__(
        self, options: SessionOptions, tuning: Tuning = DEFAULT_TUNING
    ) -> None:
        self._options = options
        self._tuning = tuning
        self._reader = PcmReader(options.audio)
        self._resampler = StreamResampler(options.audio.rate)
        self._buffer = SampleBuffer()
        self._vad = VoiceDetector(
            mode=tuning.vad_mode, energy_floor=tuning.energy_floor
        )
        self._endpointer = Endpointer(tuning, endpoint_ms=options.endpoint_ms)
        self._languages = LanguageMemory(switch_probability=tuning.switch_probability)
        self._planner = DecodePlanner(
            tuning,
            buffer=self._buffer,
            endpointer=self._endpointer,
            languages=self._languages,
        )
        self._adaptation = Adaptation()
        self._events: list[Event] = []
        self._waiting: deque[Utterance] = deque()
        self._open: Utterance | None = None
        self._said: tuple[Word, ...] = ()
        """Words of the last utterance that is published."""
        self._window_end = 0
        self._utterances = 0
        self._finals = 0
        self._acknowledged = 0
        self._error: SpeechError | None = None
        self._is_over = False

    # What goes in

    def receive_audio(self, pcm: bytes) -> None:
        """Take bytes of any length in the format of the options."""
        if self._is_closed:
            return
        try:
            for block in self._reader.receive(pcm):
                self._hear(self._resampler.receive(block))
        except BadAudio as error:
            self._fail(error)

    def receive_eof(self) -> None:
        """Take the end of the audio; every final and one last event follow."""
        if self._is_closed:
            return
        try:
            block = self._reader.receive_eof()
        except BadAudio as error:
            self._fail(error)
            return
        self._hear(self._resampler.receive(block, last=True))
        if self._reader.odd_bytes:
            self._error = _odd_end(self._reader.odd_bytes, self._options)
        self._signal(self._endpointer.receive_end(Input.EOF))
        self._settle()

    def flush(self) -> None:
        """Finish the open utterance now, as if the speaker had paused."""
        if not self._is_closed:
            self._signal(self._endpointer.receive_end(Input.FLUSH))
            self._settle()

    def hold(self) -> None:
        """Keep utterances open through silence until the next flush (push-to-talk)."""
        self._endpointer.is_held = True

    def reconfigure(self, change: Reconfigure) -> None:
        """Change options from the next utterance on."""
        self._options = replace(self._options, **change.changed)
        if self._open is None:
            self._endpointer.endpoint_ms = self._options.endpoint_ms

    def adapt(self, adaptation: Adaptation) -> None:
        """Ask for less, or for more again, from the next decode on."""
        self._adaptation = adaptation
        self._planner.speculates = adaptation.speculates
        self._planner.context_s = min(self._tuning.context_s, adaptation.context_s)

    def receive_hypothesis(self, request_id: int, hypothesis: Hypothesis) -> None:
        """Take the result of a decode; a stale id is ignored."""
        asked = self._planner.answer(request_id)
        if asked is None or self._is_over:
            return
        utterance = asked.utterance
        if hypothesis.speech_s is not None:
            start, end = asked.speech_start, asked.end
            asked.part.note_speech(hypothesis.speech_s, start, end)
        hypothesis = without_guesses(hypothesis, asked.seconds)
        if asked.purpose is Purpose.FINAL:
            self._take_final(asked, hypothesis)
        elif asked.purpose is Purpose.LANGUAGE:
            utterance.language = self._languages.hear(
                hypothesis.language, hypothesis.language_probability
            )
        elif utterance is self._open:
            # On two threads it was done sooner, but took no less of the machine.
            cpu_s = hypothesis.cost.cpu_s
            utterance.partial_cost_s = max(hypothesis.decode_s, cpu_s)
            self._show(asked, hypothesis)

    def receive_failure(self, request_id: int, error: SpeechError) -> None:
        """Take the failure of a decode: a partial is forgotten, a final ends it all."""
        asked = self._planner.answer(request_id)
        if asked is None or asked.purpose is Purpose.PARTIAL or self._is_over:
            return
        self._error = error
        self._finish()

    # What comes out

    def events_received(self) -> list[Event]:
        """Return the events since the last call, oldest first."""
        events, self._events = self._events, []
        return events

    def decode_to_run(self) -> DecodeRequest | None:
        """Return the next decode to run now, or None; its samples are the caller's."""
        if self._is_over:
            return None
        return self._planner.next(self._waiting, self._open)

    @property
    def utterance_open(self) -> bool:
        """Whether an utterance is open, so that a flush would finish one."""
        return self._open is not None

    @property
    def received_s(self) -> float:
        """Seconds of audio heard."""
        return self._buffer.end / SAMPLE_RATE

    @property
    def settled_s(self) -> float:
        """Seconds of audio that no later event will be about."""
        return self._settled / SAMPLE_RATE

    @property
    def backlog_s(self) -> float:
        """Seconds of audio in utterances that are over and wait for their final."""
        windows = ((u.parts[-1].end or 0) - u.start for u in self._waiting)
        return sum(windows) / SAMPLE_RATE

    # Hearing

    def _hear(self, samples: Samples) -> None:
        self._buffer.append(samples)
        while self._buffer.end - self._endpointer.position >= FRAME_SAMPLES:
            start = self._endpointer.position
            frame = self._buffer.slice(start, start + FRAME_SAMPLES)
            self._signal(self._endpointer.receive(self._vad.receive(frame)))
            if self._open is not None:
                self._note_speech(self._open)
                self._divide(self._open)
        self._acknowledge_silence()
        self._buffer.forget(self._settled - self._context)

    def _signal(self, signal: Signal) -> None:
        if signal is Signal.STARTED:
            self._start(self._pre_roll_start())
        elif signal is Signal.ENDED:
            self._end()
        elif signal is Signal.CUT:
            self._end(self._endpointer.cut_at)
            self._start(self._endpointer.cut_at)

    def _start(self, window_start: int) -> None:
        span, part = self._endpointer.span, Part(window_start)
        self._utterances += 1
        self._open = Utterance(self._utterances, self._options, span, [part])
        self._open.partial_at = span.start
        self._endpointer.cut_after = window_start
        self._endpointer.endpoint_ms = self._options.endpoint_ms
        self._events.append(SpeechStarted(span.start / SAMPLE_RATE))

    def _pre_roll_start(self) -> int:
        pre_roll = self._tuning.pre_roll_ms * SAMPLE_RATE // 1000
        return max(self._endpointer.span.start - pre_roll, self._window_end)

    def _end(self, cut_at: int | None = None) -> None:
        """Close the open utterance; a cut one ends there, others after a tail."""
        utterance, self._open = self._open, None
        assert utterance is not None
        utterance.span = self._endpointer.ended
        if cut_at is None:
            self._rejoin(utterance)
        self._window_end = cut_at or self._planner.tail_end(utterance)
        utterance.close_part(self._window_end)
        if utterance.span.voiced_s * 1000 < self._tuning.min_speech_ms:
            # A click: its place in the order of finals is kept, its audio is not.
            utterance.parts[-1].hear(Hypothesis(), Checked(()), self._window_end)
        self._waiting.append(utterance)
        self._events.append(SpeechEnded(utterance.span.speech_end / SAMPLE_RATE))
        self._settle()

    def _note_speech(self, utterance: Utterance) -> None:
        """Fix, frame by frame, where the language of the utterance can be told."""
        if utterance.detect_until is not None:
            return
        if utterance.span.voiced_s >= self._tuning.detect_speech_s:
            utterance.detect_until = self._endpointer.position

    def _divide(self, utterance: Utterance) -> None:
        """Close a long part at a pause, and open the next when speech goes on."""
        phase, part = self._endpointer.phase, utterance.open_part
        if part is None and phase is Phase.SPEECH:
            start = self._endpointer.cut_after = self._resumed_at(utterance)
            utterance.parts.append(Part(start, utterance.parts[-1].voiced_until_s))
        elif part is not None and phase is Phase.PAUSE:
            if self._endpointer.silence_samples >= self._final_tail:
                part = self._rejoin(utterance)
            length = utterance.span.speech_end - part.start
            is_pause = self._endpointer.silence_samples >= self._shortest_cut
            if is_pause and length >= self._tuning.part_s * SAMPLE_RATE:
                utterance.close_part(self._planner.tail_end(utterance))
        elif part is not None and phase is Phase.SPEECH:
            self._divide_in_speech(utterance, part)

    def _divide_in_speech(self, utterance: Utterance, part: Part) -> None:
        """End a part that goes on and on in a silence that lies behind."""
        position = self._endpointer.position
        pause = dividing_pause(
            part, utterance.span.pauses, position=position, tuning=self._tuning
        )
        if pause is None:
            return
        at = self._endpointer.cut_after = self._start_in(pause)
        voiced_s = self._endpointer.voiced_s_until(at)
        utterance.divide(pause, at=at, ahead_until=position, voiced_s=voiced_s)

    def _rejoin(self, utterance: Utterance) -> Part:
        """Undo a division that speech ended right after; return the last part."""
        parts, speech_end = utterance.parts, utterance.span.speech_end
        if is_rejoined(parts, speech_end=speech_end, tuning=self._tuning):
            utterance.rejoin()
            self._endpointer.cut_after = parts[-1].start
        return parts[-1]

    def _resumed_at(self, utterance: Utterance) -> int:
        """Return where the next part starts: in the pause that closed the last one."""
        closed = utterance.parts[-1]
        # Where speech may have gone on at the earliest: it is noticed a little later.
        resumed = self._endpointer.position - HYSTERESIS_FRAMES * FRAME_SAMPLES
        return self._start_in((closed.speech_end, resumed))

    def _start_in(self, pause: Pause) -> int:
        """Return where a part starts that is spoken from the end of a silence on."""
        pre_roll = self._tuning.pre_roll_ms * SAMPLE_RATE // 1000
        return max(sum(pause) // 2, pause[1] - pre_roll)

    def _acknowledge_silence(self) -> None:
        silent = self._settled - self._acknowledged
        if silent >= self._tuning.silent_ack_s * SAMPLE_RATE:
            self._acknowledge()

    # Deciding

    def _show(self, asked: Asked, hypothesis: Hypothesis) -> None:
        """Emit a partial when a decode of the open window changed the text."""
        if asked.part is not asked.utterance.open_part:
            # Its window was closed meanwhile, and the decode that closes it is better.
            return
        checked = check(hypothesis, speech_s=asked.seconds, drop_below=HIDDEN_LOGPROB)
        if not checked.dropped:
            edge_s = 0.0 if asked.at_pause else self._tuning.edge_s
            stable = asked.utterance.agreement.receive(
                checked.words,
                settled_until_s=_settled_until_s(checked, asked.seconds - edge_s),
            )
            self._move_on(asked, checked.words[:stable])
        self._emit_partial(asked.utterance, asked.end)

    def _move_on(self, asked: Asked, stable: Sequence[Word]) -> None:
        """Start the next partial window behind stable words, all but the last few."""
        passed = len(stable) - self._tuning.overlap_words
        longest_s = self._adaptation.partial_window_s
        window_s = min(self._tuning.partial_window_s, longest_s)
        if asked.seconds < window_s or passed <= 0:
            return
        moved = round(stable[passed - 1].end_s * SAMPLE_RATE)
        asked.utterance.partial_start = asked.start + moved
        asked.utterance.agreement.move_window(passed)

    def _take_final(self, asked: Asked, hypothesis: Hypothesis) -> None:
        """Keep the decode of a part; of an open utterance it is a partial too."""
        utterance, part = asked.utterance, asked.part
        may_retry = self._adaptation.retries
        is_kept = take_decode(asked, hypothesis, self._said, may_retry=may_retry)
        if is_kept and utterance is self._open and part.checked is not None:
            if part.is_decoded:
                utterance.agreement.close_part(part.checked.words, part.ahead)
                self._emit_partial(utterance, asked.end)
            else:
                self._planner.note_shown(utterance, asked.end)
                utterance.agreement.receive_part(
                    part.checked.words,
                    settled_until_s=_settled_until_s(part.checked, asked.seconds),
                )
                self._emit_partial(utterance, asked.end)
        self._settle()

    def _emit_partial(self, utterance: Utterance, end: int) -> None:
        text = utterance.agreement.text
        if text and text != utterance.shown and utterance.options.partials:
            utterance.shown = text
            stable = utterance.agreement.stable
            start_s = utterance.span.start / SAMPLE_RATE
            partial = Partial(
                utterance.number, text, stable, start_s, end / SAMPLE_RATE
            )
            self._events.append(partial)

    def _settle(self) -> None:
        """Publish every final that is decoded and sound, oldest first, and end."""
        while self._waiting and self._waiting[0].undecoded_part is None:
            self._publish(self._waiting.popleft())
        if self._is_closed and not self._waiting and not self._is_over:
            self._finish()

    def _publish(self, utterance: Utterance) -> None:
        self._said = words_of(utterance)
        text = join_words(self._said)
        # Let the next final see this text, unless a guard doubts it.
        self._planner.carry_prompt("" if is_doubtful(utterance) else text, utterance)
        if text or utterance.shown:
            self._finals += 1
            assumed = self._languages.assumed(utterance.options.language)
            self._events.append(final_of(utterance, assumed_language=assumed))
        self._acknowledge()

    def _acknowledge(self) -> None:
        self._acknowledged = self._settled
        self._events.append(Acknowledged(self.settled_s))

    def _fail(self, error: SpeechError) -> None:
        """End with an error, after the finals of what was heard before it."""
        self._error = error
        self._signal(self._endpointer.receive_end(Input.EOF))
        self._settle()

    def _finish(self) -> None:
        self._is_over = True
        ended = Ended(self.received_s, self._finals)
        self._events.append(Failed(self._error) if self._error else ended)

    @property
    def _is_closed(self) -> bool:
        return self._endpointer.phase is Phase.CLOSED

    @property
    def _final_tail(self) -> int:
        return self._tuning.long_tail_ms * SAMPLE_RATE // 1000

    @property
    def _shortest_cut(self) -> int:
        return self._tuning.min_cut_pause_ms * SAMPLE_RATE // 1000

    @property
    def _context(self) -> int:
        """Return how many settled samples the next final may still want to hear."""
        silence = self._endpointer.position - self._endpointer.ended.speech_end
        # Speech is noticed a little after it started.
        onset = HYSTERESIS_FRAMES * FRAME_SAMPLES
        longest = self._tuning.context_gap_s * SAMPLE_RATE + onset
        if self._open is None and (silence > longest or not self._utterances):
            return 0
        return round(self._tuning.context_s * SAMPLE_RATE)

    @property
    def _settled(self) -> int:
        if self._waiting:
            return self._waiting[0].start
        if self._open is not None:
            return self._open.start
        if self._is_closed:
            return self._buffer.end
        pre_roll = self._tuning.pre_roll_ms * SAMPLE_RATE // 1000
        onset = HYSTERESIS_FRAMES * FRAME_SAMPLES
        return max(self._endpointer.position - pre_roll - onset, self._window_end)


def _settled_until_s(checked: Checked, seconds: float) -> float:
    """Let no word of a doubtful decode become stable."""
    return 0.0 if checked.tripped or checked.is_cut else seconds


def _odd_end(odd_bytes: int, options: SessionOptions) -> BadAudio:
    return BadAudio(
        f"audio: expected whole frames of {options.audio.frame_bytes} bytes, "
        f"got {odd_bytes} left over at the end",
        field="audio",
    )
