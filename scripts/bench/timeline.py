"""
What was sent and what came back, and when.

`at_s` is the client's monotonic clock, 0 when the first sample is spoken. As audio is
sent at real-time pace, the sample at session second x is spoken at x, so a difference
between an `at_s` and a session time is a delay that a user would feel.
"""

from dataclasses import dataclass

from whispercpp_ws.transcript import Word


@dataclass(frozen=True, slots=True)
class SentFrame:
    """One frame of audio that left the client."""

    at_s: float
    due_s: float
    """When real-time pace wanted it sent: when its last sample was spoken."""


@dataclass(frozen=True, slots=True)
class SpeechMark:
    """The server says that speech starts or ends at a session time."""

    at_s: float
    is_start: bool
    position_s: float


@dataclass(frozen=True, slots=True)
class ShownText:
    """A text that may still change."""

    at_s: float
    utterance: int
    text: str
    stable: str = ""
    """The beginning of `text` that the server promises to keep."""


@dataclass(frozen=True, slots=True)
class SettledText:
    """A text that will not change."""

    at_s: float
    utterance: int
    text: str
    start_s: float
    end_s: float
    language: str = ""
    words: tuple[Word, ...] = ()
    lag_s: float | None = None
    """How long after the audio of `end_s` came in the server says it sent this."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """All of one connection."""

    sent: tuple[SentFrame, ...] = ()
    speech: tuple[SpeechMark, ...] = ()
    shown: tuple[ShownText, ...] = ()
    settled: tuple[SettledText, ...] = ()
    closed_s: float = 0.0
    failure: str = ""
    """Why the stream did not end well; empty when it did."""

    @property
    def text(self) -> str:
        """All settled texts, joined."""
        return " ".join(final.text for final in self.settled if final.text)

    @property
    def most_behind_s(self) -> float:
        """How late the client itself sent its latest frame; near 0 in a fair run."""
        return max((frame.at_s - frame.due_s for frame in self.sent), default=0.0)
