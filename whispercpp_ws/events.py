"""
What a session accepts and what it emits.

Times are seconds of session audio: sample counts divided by the rate, never wall
time. Wire forms are made from these by the dialects and never stored on them.
"""

from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

from whispercpp_ws.errors import SpeechError
from whispercpp_ws.transcript import Word


def whole_ms(seconds: float) -> int:
    """Round down to milliseconds, in which offsets are said on the wire."""
    # The addition undoes what binary fractions take off 2.401; a sample is 60 us.
    return int(seconds * 1000 + 1e-6)


class Encoding(Enum):
    """How a sample is written in bytes; the value is its native wire name."""

    PCM16LE = "pcm16le"
    F32LE = "f32le"
    MULAW = "mulaw"
    ALAW = "alaw"

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample of one channel."""
        return {"pcm16le": 2, "f32le": 4, "mulaw": 1, "alaw": 1}[self.value]


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """The shape of a client's PCM."""

    encoding: Encoding = Encoding.PCM16LE
    rate: int = 16_000
    """Samples per second and channel, 8000 to 192000."""
    channels: int = 1
    """Interleaved channels, 1 to 8; they are averaged to mono."""

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel."""
        return self.encoding.sample_bytes * self.channels

    def byte_at(self, offset_s: float) -> int:
        """Return where the first whole sample at an offset of the wire begins."""
        return whole_ms(offset_s) * self.rate // 1000 * self.frame_bytes

    def offset_at(self, byte: int) -> float:
        """Return the last offset of the wire that is not after a byte."""
        return byte // self.frame_bytes * 1000 // self.rate / 1000


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """What a client may choose; every field can also be its server default."""

    audio: AudioFormat = AudioFormat()
    language: str = "auto"
    """ISO 639-1 code or "auto"."""
    model: str = ""
    """Name of a loaded model; empty is the server's default."""
    words: bool = True
    partials: bool = True
    prompt: str = ""
    translate: bool = False
    """Whether finals and partials are in English whatever is spoken."""
    endpoint_ms: int = 600
    """Silence that ends an utterance, 200 to 5000 ms."""
    candidates: tuple[str, ...] = ()
    """Codes that "auto" chooses from; empty is every language of the model."""


@dataclass(frozen=True, slots=True)
class Start:
    """The client opens a session, or takes one up again."""

    options: SessionOptions
    token: str | None = None
    resume: str | None = None
    offset_s: float | None = None


@dataclass(frozen=True, slots=True)
class Reconfigure:
    """The client changes options from the next utterance on; None keeps a value."""

    language: str | None = None
    model: str | None = None
    prompt: str | None = None
    words: bool | None = None
    partials: bool | None = None
    endpoint_ms: int | None = None
    candidates: tuple[str, ...] | None = None

    @property
    def changed(self) -> dict[str, Any]:
        """The options that are given, by name."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in told.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Flush:
    """The client wants the open utterance finished now."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The client keeps the utterance open through silence until it sends a flush."""


@dataclass(frozen=True, slots=True)
class End:
    """The client will send no more audio."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A dialect wants to hear of it when the session has taken all that came before."""

    name: str = ""


Command = Start | Reconfigure | Flush | Hold | End | Mark


@dataclass(frozen=True, slots=True)
class Ready:
    """The session takes audio, from `offset_s` on."""

    session_id: str
    model: str
    language: str
    offset_s: float = 0.0


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech began."""

    start_s: float


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """Speech stopped for longer than the endpoint."""

    end_s: float


@dataclass(frozen=True, slots=True)
class Partial:
    """Text of an open utterance; `stable` only ever grows, the rest may change."""

    utterance: int
    text: str
    stable: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Final:
    """Settled text of a whole utterance."""

    utterance: int
    text: str
    start_s: float
    end_s: float
    language: str
    confidence: float
    words: tuple[Word, ...] | None = None
    """None when the client asked for none."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Audio before `offset_s` is settled; the client may forget it."""

    offset_s: float


@dataclass(frozen=True, slots=True)
class Warned:
    """Something the client should know that does not end the session."""

    code: str
    message: str
    step_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Marked:
    """The session has taken all that came before a mark; decodes may still be due."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """The last event of a session that ended well."""

    offset_s: float
    finals: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The last event of a session that did not."""

    error: SpeechError


Event = (
    Ready
    | SpeechStarted
    | SpeechEnded
    | Partial
    | Final
    | Acknowledged
    | Warned
    | Marked
    | Ended
    | Failed
)
