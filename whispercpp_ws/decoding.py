"""What a session asks an engine to decode."""

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


SAMPLE_RATE = 16_000
"""Samples per second of all audio inside the package, fixed by Whisper."""

FRAMES_PER_S = 50
"""Encoder frames per second; the unit of `audio_ctx`."""

FULL_AUDIO_CTX = 1500
"""Encoder frames of Whisper's whole 30 s window."""

Samples = NDArray[np.float32]
"""Mono audio at 16 kHz, -1 to 1, C-contiguous."""


class Priority(IntEnum):
    """Order in which waiting decodes run; lower runs first (DESIGN §5)."""

    FINAL = 0
    SPECULATIVE = 1
    PARTIAL = 2


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """How to decode one window; every option is set on every call."""

    language: str = "en"
    """ISO 639-1 code, or "auto" (costs a second encode)."""
    translate: bool = False
    """Whether to write English whatever is spoken."""
    audio_ctx: int = FULL_AUDIO_CTX
    """Encoder frames, 1 to 1500; must cover the audio or the decoder loops."""
    max_tokens: int = 0
    """Most tokens of a decode; 0 is the model's own limit."""
    prompt: str = ""
    """Earlier text that steers spelling and style."""
    word_times: bool = False
    """Whether words need real start and end times; False leaves them approximate."""
    candidates: tuple[str, ...] = ()
    """Codes that "auto" chooses from; empty is every language of the model."""
    context_s: float = 0.0
    """Seconds at the window's start that are earlier speech, there to help the
    decoder. Its words come too, but speech is only looked for behind it."""
    known_speech_s: float = 0.0
    """Seconds of speech that an earlier decode found behind the context."""


@dataclass(frozen=True, slots=True, eq=False)
class DecodeRequest:
    """One window to decode. The samples belong to the request and must not change."""

    id: int
    priority: Priority
    samples: Samples = field(repr=False)
    options: DecodeOptions = DecodeOptions()
    model: str = ""
    """Name of the model to use; empty is the server's default."""
    threads: int = 1
    """Threads of the decode; more than one only while lanes are idle."""
    utterance: int = 0
    """Number, in its session, of the utterance it is about; all of one are decoded by
    one model. 0 is none."""

    @property
    def seconds(self) -> float:
        """Length of the window in seconds."""
        return len(self.samples) / SAMPLE_RATE

    @property
    def kind(self) -> str:
        """
        Name what it is for: "language", "final", "speculative" or "partial".

        "language" is every request that has the language detected: those made for that,
        and windows from before any language was heard.
        """
        if self.options.language == "auto":
            return "language"
        return self.priority.name.lower()
