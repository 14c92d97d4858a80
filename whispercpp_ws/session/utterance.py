"""What a session knows of one utterance between its first sample and its final."""

from dataclasses import dataclass, field

from whispercpp_ws.decoding import SAMPLE_RATE
from whispercpp_ws.events import SessionOptions
from whispercpp_ws.session.agreement import LocalAgreement
from whispercpp_ws.session.endpoint import Span
from whispercpp_ws.session.guards import Stretch
from whispercpp_ws.session.language import AUTO
from whispercpp_ws.transcript import Hypothesis


@dataclass(slots=True, eq=False)
class Utterance:
    """One utterance; positions are samples of session audio."""

    number: int
    options: SessionOptions
    """As they were when it started; a `set` changes only later ones."""
    span: Span
    window_start: int
    """Where its audio starts: the pre-roll before the detected speech."""
    window_end: int | None = None
    """Where its audio ends; None while it is open."""
    language: str = ""
    """Detected language; empty until it is, and when it need not be."""
    detect_until: int | None = None
    """End of the audio its language is detected on, once enough was spoken."""
    agreement: LocalAgreement = field(default_factory=LocalAgreement)
    partial_start: int = 0
    """Where the open partial window starts; moves only to pauses."""
    partial_at: int = 0
    """Position at which the last partial was asked for."""
    partial_voiced_s: float = 0.0
    """Voiced seconds heard when the last partial was asked for."""
    shown: str = ""
    """Text of the last partial that was emitted."""
    decoded: Hypothesis | None = None
    """The final decode, once it is there."""
    decoded_end: int = 0
    """Where the audio of `decoded` ends."""
    retried: bool = False
    """Whether the final was, or is being, decoded again on the full window."""

    @property
    def awaits_language(self) -> bool:
        """Whether its language must and can be detected before its final."""
        wanted = self.options.language == AUTO and not self.language
        return wanted and self.detect_until is not None

    @property
    def stretches(self) -> list[Stretch]:
        """Where it was spoken between pauses, in seconds from the window's start."""
        pauses = self.span.pauses
        starts = [self.span.start, *(end for _, end in pauses)]
        ends = [*(start for start, _ in pauses), self.span.speech_end]
        return [
            (self._window_s(start), self._window_s(end))
            for start, end in zip(starts, ends, strict=True)
        ]

    def _window_s(self, position: int) -> float:
        return (position - self.window_start) / SAMPLE_RATE

    @property
    def is_decoded(self) -> bool:
        """Whether it is over and all of its audio is decoded."""
        return self.decoded is not None and self.decoded_end == self.window_end
