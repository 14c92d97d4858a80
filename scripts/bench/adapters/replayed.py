"""
This repository's session in simulated time, in this design or in the padded one.

The padded design is what people start from: every window on Whisper's full 30 s, a
partial for each second of audio, words that two of them agree on are stable, and no
decode before the utterance is over. Everything else is the same session, so what the
two differ in is what trimming and scheduling are worth.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import psutil

from scripts.bench.adapters.process import Usage
from scripts.bench.audio import StreamAudio
from scripts.bench.replay import Replay, Spent
from scripts.bench.report import build_name
from scripts.bench.timeline import Timeline
from whispercpp_ws.decoding import (
    FULL_AUDIO_CTX,
    DecodeOptions,
    DecodeRequest,
    Samples,
)
from whispercpp_ws.engines.base import Cancelled, Engine, Lane, never_cancelled
from whispercpp_ws.events import AudioFormat, SessionOptions
from whispercpp_ws.session.session import Session
from whispercpp_ws.session.tuning import Tuning
from whispercpp_ws.transcript import Hypothesis, Segment, Transcription


ON_TIME_SPEED = 8.0
"""A full window of base takes 2.5 to 4 s of one core, and a third of a second here."""


@dataclass(frozen=True, slots=True)
class Design:
    """How a session decodes."""

    name: str
    tuning: Tuning
    is_padded: bool = False
    """Whether the encoder always takes the full window."""
    speed: float = 1.0
    """How much faster its lanes are than one core each."""


def trimmed_design() -> Design:
    """Return the design of this repository."""
    return Design("replay", Tuning())


def on_time_design(endpoint_ms: int) -> Design:
    """
    Return the padded design on cores enough for a partial each second.

    On one core per lane a decode takes longer than a second, so that it shows less and
    spends less than it is meant to.
    """
    padded = padded_design(endpoint_ms)
    return replace(padded, name="padded-on-time", speed=ON_TIME_SPEED)


def padded_design(endpoint_ms: int) -> Design:
    """Return the design to compare with, on one core per lane."""
    tuning = replace(
        Tuning(),
        first_step_ms=1000,
        step_ms=1000,
        # One second, or as soon as the one before is done.
        step_costs=1.0,
        longest_step_ms=60_000,
        min_new_speech_ms=0,
        # The final starts where the utterance is over, and not ahead of that.
        tail_ms=endpoint_ms,
        release_ms=0,
        hold_first_ms=60_000,
        hold_partial_ms=60_000,
        partial_window_s=60.0,
        # One window from the first word to the last, and no other speech in it.
        part_s=60.0,
        context_s=0.0,
    )
    return Design("padded", tuning, is_padded=True)


class PaddedLane:
    """Encode every window on the full 30 s; see `engines.base.Lane`."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane

    def decode(
        self, request: DecodeRequest, is_cancelled: Cancelled = never_cancelled
    ) -> Hypothesis:
        """Decode a window as if it were 30 s long."""
        options = replace(request.options, audio_ctx=FULL_AUDIO_CTX)
        return self._lane.decode(replace(request, options=options), is_cancelled)

    def transcribe(
        self,
        samples: Samples,
        options: DecodeOptions,
        on_segment: Callable[[Segment], None],
    ) -> Transcription:
        """Decode a recording, as the lane inside does."""
        return self._lane.transcribe(samples, options, on_segment)

    def warm_up(self) -> float:
        """Warm the lane inside up."""
        return self._lane.warm_up()

    def rest(self) -> None:
        """Let the lane inside rest."""
        self._lane.rest()

    def close(self) -> None:
        """Close the lane inside."""
        self._lane.close()


class Replayed:
    """
    An adapter; see `base.Adapter`.

    Clips are heard one after the other, each as if nobody else were there.
    """

    has_finals = True

    def __init__(
        self, design: Design, load: Callable[[], Engine], endpoint_ms: int
    ) -> None:
        self.title = f"{design.name}, not started"
        self._design = design
        self._load = load
        self._endpoint_ms = endpoint_ms
        self._spent = Spent()
        self._engine: Engine | None = None
        self._lane: Lane | None = None

    @property
    def build(self) -> str:
        """Name this checkout's versions."""
        return build_name()

    async def start(self) -> None:
        """Load the model into this process."""
        self._engine = self._load()
        lane = self._engine.open_lane()
        self._lane = PaddedLane(lane) if self._design.is_padded else lane
        self._lane.warm_up()
        self.title = f"{self._design.name}, model {self._engine.info.model}"

    async def stream(self, audio: StreamAudio, language: str) -> Timeline:
        """Replay a clip; blocks until it is through."""
        if self._lane is None:
            raise RuntimeError("expected a started replay")
        options = SessionOptions(
            audio=AudioFormat(rate=audio.rate, channels=audio.channels),
            language=language,
            endpoint_ms=self._endpoint_ms,
        )
        session = Session(options, self._design.tuning)
        speed = self._design.speed
        return Replay(session, self._lane, self._spent, speed=speed).run(audio)

    def usage(self) -> Usage:
        """Return the CPU of sessions and decodes, and this process's memory."""
        spent, memory_bytes = self._spent, psutil.Process().memory_info().rss
        return Usage(spent.cpu_s, memory_bytes, root_cpu_s=spent.session_cpu_s)

    async def counters(self) -> dict[str, float]:
        """Return what the server would count, under the same names."""
        return dict(self._spent.counters)

    async def stop(self) -> None:
        """Free the model."""
        if self._lane is not None and self._engine is not None:
            self._lane.close()
            self._engine.close()
