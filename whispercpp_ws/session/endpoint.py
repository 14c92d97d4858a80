"""Find where utterances start, pause and end in a sequence of voice frames."""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto

from whispercpp_ws.decoding import SAMPLE_RATE
from whispercpp_ws.session.phases import Input, Phase, next_phase
from whispercpp_ws.session.tuning import Tuning
from whispercpp_ws.session.vad import FRAME_SAMPLES, VoiceFrame


HYSTERESIS_FRAMES = 5
OPEN_FRAMES = 3
CLOSE_FRAMES = 1
"""Speech is on from 3 voiced frames of 5, off from 1: single clicks and single
dropped frames, which webrtcvad gives at every plosive, change nothing."""

CUT_SEARCH_FRAMES = 500
"""10 s before the limit in which a pause is good enough to cut at."""

QUIET_SEARCH_FRAMES = 150
"""3 s before the limit in which the quietest frame is cut when there is no pause."""

MAX_SILENCES = 64
"""Silences remembered; no more fit into the longest context."""

HISTORY_FRAMES = 1500
"""30 s of frames remembered, all of an utterance; between two, only what the next may
begin with. They take 120 kB, of which a session in which nobody speaks has no use."""

MIN_PAUSE_FRAMES = 5
"""Silences under 100 ms are inside words (a stop's closure lasts 50 to 100 ms)."""


class Signal(Enum):
    """What a frame changed."""

    NOTHING = auto()
    STARTED = auto()
    ENDED = auto()
    CUT = auto()


@dataclass(slots=True)
class Span:
    """One stretch of speech being measured; positions in samples."""

    start: int
    speech_end: int
    voiced_frames: int = 0
    pauses: list[tuple[int, int]] = field(default_factory=list)
    """Finished silences inside it, as (start, end)."""

    @property
    def voiced_s(self) -> float:
        """Seconds of voiced frames."""
        return self.voiced_frames * FRAME_SAMPLES / SAMPLE_RATE


class Endpointer:
    """
    Follow one stream of voice frames and say where utterances start and end.

    `span` is the open utterance. After ENDED and CUT, `ended` is the one that is over;
    after CUT, `cut_at` is where it was cut and `span` is already the next one.
    """

    def __init__(self, tuning: Tuning, *, endpoint_ms: int) -> None:
        self.phase = Phase.IDLE
        self.position = 0
        self.endpoint_ms = endpoint_ms
        self.is_held = False
        """Whether silence ends nothing, until the next flush."""
        self.span = Span(0, 0)
        self.ended = self.span
        self.cut_at = 0
        self.cut_after = 0
        """Where an utterance may be cut at the earliest."""
        self.silences: deque[tuple[int, int]] = deque(maxlen=MAX_SILENCES)
        """Finished silences of the stream, as (start, end), oldest first."""
        self._tuning = tuning
        self._history: deque[VoiceFrame] = deque(maxlen=HISTORY_FRAMES)
        self._recent: deque[bool] = deque(maxlen=HYSTERESIS_FRAMES)

    @property
    def is_open(self) -> bool:
        """Whether an utterance is open."""
        return self.phase in (Phase.SPEECH, Phase.PAUSE)

    @property
    def silence_samples(self) -> int:
        """Samples since the last voiced frame of the utterance."""
        return self.position - self.span.speech_end

    def receive(self, frame: VoiceFrame) -> Signal:
        """Take the next frame and say what it changed."""
        self.position += FRAME_SAMPLES
        self._recent.append(frame.voiced)
        self._history.append(frame)
        before, cause = self.phase, self._cause()
        self.phase = next_phase(before, cause)
        if self.phase is Phase.IDLE:
            self._forget_frames()
        if before is Phase.IDLE and self.phase is Phase.SPEECH:
            return self._open()
        if cause is Input.ENDPOINT:
            return self._end()
        if before is Phase.PAUSE and self.phase is Phase.SPEECH:
            self._resume()
        elif self.phase is Phase.SPEECH and frame.voiced:
            self.span.voiced_frames += 1
            self.span.speech_end = self.position
        return self._cut() if cause is Input.LIMIT else Signal.NOTHING

    def voiced_s_until(self, position: int) -> float:
        """Return the voiced seconds of the open utterance before a position of it."""
        frames = self.span.voiced_frames - self._voiced_since(position)
        return frames * FRAME_SAMPLES / SAMPLE_RATE

    def receive_end(self, cause: Input) -> Signal:
        """Take FLUSH or EOF, which end an open utterance at once."""
        self.is_held = False
        was_open = self.is_open
        self.phase = next_phase(self.phase, cause)
        return self._end() if was_open else Signal.NOTHING

    def _forget_frames(self) -> None:
        while len(self._history) > HYSTERESIS_FRAMES:
            self._history.popleft()

    def _cause(self) -> Input:
        speaking = self._speaking()
        if self.phase is Phase.PAUSE and not speaking:
            return Input.ENDPOINT if self._pause_is_over() else Input.SILENCE
        if (
            self.phase is Phase.SPEECH
            and self._length_s() >= self._tuning.max_utterance_s
        ):
            return Input.LIMIT
        return Input.VOICE if speaking else Input.SILENCE

    def _speaking(self) -> bool:
        voiced = sum(self._recent)
        if self.phase is Phase.SPEECH:
            return voiced > CLOSE_FRAMES
        return voiced >= OPEN_FRAMES

    def _pause_is_over(self) -> bool:
        if self.is_held and self._length_s() < self._tuning.max_utterance_s:
            return False
        # Past the soft limit any pause long enough to cut at ends the utterance.
        needed_ms = self.endpoint_ms + self._tuning.release_ms
        if self._length_s() >= self._tuning.soft_utterance_s:
            needed_ms = min(needed_ms, self._tuning.min_cut_pause_ms)
        return self.silence_samples >= needed_ms * SAMPLE_RATE // 1000

    def _length_s(self) -> float:
        return (self.position - self.span.start) / SAMPLE_RATE

    def _open(self) -> Signal:
        heard = self._unheard(self.position - HYSTERESIS_FRAMES * FRAME_SAMPLES)
        self.silences.append((self.ended.speech_end, heard[0]))
        self.span = Span(heard[0], self.position, len(heard))
        return Signal.STARTED

    def _resume(self) -> None:
        heard = self._unheard(self.span.speech_end)
        if heard[0] - self.span.speech_end >= MIN_PAUSE_FRAMES * FRAME_SAMPLES:
            pause = (self.span.speech_end, heard[0])
            self.span.pauses.append(pause)
            self.silences.append(pause)
        self.span.voiced_frames += len(heard)
        self.span.speech_end = self.position

    def _unheard(self, after: int) -> list[int]:
        """List the starts of the recent voiced frames from a position on."""
        first = self.position - len(self._recent) * FRAME_SAMPLES
        starts = (first + i * FRAME_SAMPLES for i, v in enumerate(self._recent) if v)
        return [start for start in starts if start >= after]

    def _end(self) -> Signal:
        self._recent.clear()
        self.ended = self.span
        return Signal.ENDED

    def _cut(self) -> Signal:
        """End the utterance at its best pause and open the next one behind it."""
        speech_end, start = self._best_cut()
        self.cut_at = (speech_end + start) // 2
        whole = self.span
        voiced = self._voiced_since(start)
        self.ended = Span(whole.start, speech_end, whole.voiced_frames - voiced)
        later = [pause for pause in whole.pauses if pause[0] >= start]
        self.span = Span(start, whole.speech_end, voiced, later)
        return Signal.CUT

    def _best_cut(self) -> tuple[int, int]:
        searched = self.position - CUT_SEARCH_FRAMES * FRAME_SAMPLES
        oldest = max(searched, self.cut_after)
        recent = [pause for pause in self.span.pauses if pause[0] >= oldest]
        if recent:
            return max(recent, key=lambda pause: pause[1] - pause[0])
        # The newest frames stay: a cut must leave the next utterance some speech.
        frames = list(self._history)[-QUIET_SEARCH_FRAMES:-HYSTERESIS_FRAMES]
        behind_cut = (self.position - self.cut_after) // FRAME_SAMPLES
        frames = frames[-max(1, behind_cut - HYSTERESIS_FRAMES) :]
        quietest = min(range(len(frames)), key=lambda i: frames[i].energy)
        behind = len(frames) + HYSTERESIS_FRAMES - quietest
        return (self.position - behind * FRAME_SAMPLES,) * 2

    def _voiced_since(self, start: int) -> int:
        count = (self.position - start) // FRAME_SAMPLES
        return sum(frame.voiced for frame in list(self._history)[-count:])
