"""What a session knows of one utterance between its first sample and its final."""

from dataclasses import dataclass, field

from whispercpp_ws.decoding import SAMPLE_RATE
from whispercpp_ws.events import SessionOptions
from whispercpp_ws.session.agreement import LocalAgreement
from whispercpp_ws.session.endpoint import Span
from whispercpp_ws.session.guards import Checked, Stretch
from whispercpp_ws.session.language import AUTO
from whispercpp_ws.transcript import Hypothesis, Word


Pause = tuple[int, int]
"""Start and end of a silence, in samples of session audio."""


@dataclass(slots=True, eq=False)
class Part:
    """
    A piece of an utterance, from pause to pause, that is decoded by itself.

    Positions are samples of session audio. A part that is long enough is closed at the
    next pause: its decode then need not wait for the end of the utterance, nor be
    repeated there.
    """

    start: int
    voiced_from_s: float = 0.0
    """Voiced seconds of the utterance before it."""
    end: int | None = None
    """Where its audio ends; None while it is open."""
    follows_speech: bool = False
    """Whether the one before was ended while somebody spoke, so that the first word
    needs what was said before it."""
    ahead_until: int = 0
    """Where the window of its decode ends, when it was ended while somebody spoke: a
    last word needs what was said after it. 0 for `end`."""
    speech_end: int = 0
    """Where its speech ends, once it is closed."""
    voiced_until_s: float = 0.0
    """Voiced seconds of the utterance up to its end, once it is closed."""
    asked_end: int = 0
    """Where the audio of its last decode ended."""
    retried: bool = False
    """Whether that decode is, or was, a second one with more room."""
    heard: Hypothesis | None = None
    """Its decode, once it is there and no guard wants another."""
    checked: Checked | None = None
    """What the guards left of it."""
    heard_end: int = 0
    """Where the audio of `heard` ends."""
    ahead: tuple[Word, ...] = ()
    """What that decode says of the audio behind the part."""
    found_speech_s: float = 0.0
    """Most speech that the engine's voice detector found in a window of the part."""
    found_in: tuple[int, int] = (0, 0)
    """Where that window starts and ends."""

    @property
    def window_end(self) -> int | None:
        """Where the window of its last decode ends; None while it is open."""
        return self.ahead_until or self.end

    @property
    def is_decoded(self) -> bool:
        """Whether it is closed and all of its audio is decoded."""
        return self.heard is not None and self.heard_end == self.window_end

    def note_speech(self, speech_s: float, start: int, end: int) -> None:
        """Note how much speech was found in a window."""
        # As much in a later window is news: the next partial starts no earlier.
        if speech_s >= self.found_speech_s:
            self.found_speech_s, self.found_in = speech_s, (start, end)

    def known_speech_s(self, start: int, end: int) -> float:
        """Return how much there is at least in a window, from those within it."""
        first, last = self.found_in
        # A part that is cut ends before some windows that were heard of it.
        return self.found_speech_s if start <= first and last <= end else 0.0

    def ask(self, end: int) -> None:
        """Note that it is being decoded up to a position."""
        if end != self.asked_end:
            self.asked_end, self.retried = end, False

    def hear(self, hypothesis: Hypothesis, checked: Checked, end: int) -> None:
        """Take the decode up to a position."""
        self.heard, self.checked, self.heard_end = hypothesis, checked, end


@dataclass(slots=True, eq=False)
class Utterance:
    """One utterance; positions are samples of session audio."""

    number: int
    options: SessionOptions
    """As they were when it started; a `set` changes only later ones."""
    span: Span
    parts: list[Part]
    """At least one; only the last can be open."""
    language: str = ""
    """Detected language; empty until it is, and when it need not be."""
    detect_until: int | None = None
    """End of the audio its language is detected on, once enough was spoken."""
    agreement: LocalAgreement = field(default_factory=LocalAgreement)
    partial_start: int = 0
    """Where the window of partials starts, once it has moved on in the open part."""
    partial_at: int = 0
    """Position at which the last partial was asked for."""
    partial_voiced_s: float = 0.0
    """Voiced seconds heard when the last partial was asked for."""
    partial_cost_s: float = 0.0
    """Wall seconds the last partial took to decode."""
    shown: str = ""
    """Text of the last partial that was emitted."""

    @property
    def start(self) -> int:
        """Where its audio starts: the pre-roll before the detected speech."""
        return self.parts[0].start

    @property
    def open_part(self) -> Part | None:
        """The part being spoken; None in a pause that closed one, and at the end."""
        return self.parts[-1] if self.parts[-1].end is None else None

    @property
    def undecoded_part(self) -> Part | None:
        """The first closed part without a decode."""
        closed = (part for part in self.parts if part.end is not None)
        return next((part for part in closed if not part.is_decoded), None)

    @property
    def awaits_language(self) -> bool:
        """Whether its language must and can be detected before its final."""
        wanted = self.options.language == AUTO and not self.language
        return wanted and self.detect_until is not None

    def close_part(self, end: int) -> None:
        """Close the open part, if there is one, at a position."""
        part = self.open_part
        if part is not None:
            part.end, part.speech_end = end, self.span.speech_end
            part.voiced_until_s = self.span.voiced_s

    def divide(
        self, pause: Pause, *, at: int, ahead_until: int, voiced_s: float
    ) -> None:
        """
        End the open part in an earlier pause of it, and open the next behind that.

        Args:
            pause: start and end of the silence.
            at: where the next part starts, in the pause.
            ahead_until: how far the decode of the ended part may hear.
            voiced_s: voiced seconds of the utterance up to there.
        """
        part = self.parts[-1]
        part.end, part.speech_end, part.ahead_until = at, pause[0], ahead_until
        part.voiced_until_s = voiced_s
        self.parts.append(Part(at, voiced_s, follows_speech=True))
        self.partial_start = 0

    def rejoin(self) -> None:
        """Undo the last `divide`: all from there on is one part again."""
        self.parts.pop()
        part = self.parts[-1]
        if part.is_decoded:
            self.agreement.reopen_part()
        part.end, part.ahead_until, part.ahead = None, 0, ()
        part.heard = part.checked = None
        part.asked_end = part.heard_end = self.partial_start = 0

    def voiced_s(self, part: Part) -> float:
        """Return the voiced seconds of a part."""
        until_s = self.span.voiced_s if part.end is None else part.voiced_until_s
        return until_s - part.voiced_from_s

    def stretches(self, part: Part, end: int) -> list[Stretch]:
        """Return where it was spoken in a part, in seconds from the part's start."""
        pauses = self.span.pauses
        starts = [self.span.start, *(end for _, end in pauses)]
        ends = [*(start for start, _ in pauses), self.span.speech_end]
        inside = (
            (max(first, part.start), min(last, end))
            for first, last in zip(starts, ends, strict=True)
        )
        return [
            ((first - part.start) / SAMPLE_RATE, (last - part.start) / SAMPLE_RATE)
            for first, last in inside
            if first < last
        ]
