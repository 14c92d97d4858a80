"""Words and texts as a decoder returns them, and how they join."""

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Word:
    """One word with its place in the audio."""

    text: str
    start_s: float
    end_s: float
    confidence: float
    """Geometric mean of the token probabilities, 0 to 1."""

    def shifted(self, offset_s: float) -> "Word":
        """Return the word moved by `offset_s`, from window time to session time."""
        return replace(
            self, start_s=self.start_s + offset_s, end_s=self.end_s + offset_s
        )


@dataclass(frozen=True, slots=True)
class Segment:
    """One caption line of an offline transcript."""

    text: str
    start_s: float
    end_s: float
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Transcription:
    """What a whole recording says."""

    language: str
    """ISO 639-1 code it was decoded in."""
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class DecodeCost:
    """What one decode used, as far as its engine measures that."""

    cpu_s: float = 0.0
    """CPU seconds without those of the voice detector. Of a decode on several threads,
    those of the first times their number."""
    vad_cpu_s: float = 0.0
    """CPU seconds of the engine's voice detector."""
    encoder_flops: float = 0.0
    """Floating point operations of its encoder passes, by the model's shape."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What one decode of one window says; times are seconds from the window's start."""

    text: str = ""
    words: tuple[Word, ...] = ()
    language: str = ""
    """ISO 639-1 code the decoder used."""
    token_count: int = 0
    """Text tokens in `text`."""
    mean_logprob: float = 0.0
    """Mean natural-log probability of the text tokens; 0 when there are none."""
    decode_s: float = 0.0
    """Wall seconds the decode took in its lane."""
    language_probability: float = 1.0
    """How sure the detection was, 0 to 1; 1 when the language was given."""
    speech_s: float | None = None
    """Seconds of the window that a voice detector of the engine takes for speech, which
    it may stop counting at 2; None when it has none. A window without speech is not
    decoded."""
    looped: bool = False
    """Whether the decoder began to say all of it again. The copy is left out; it pulled
    the times of the words."""
    cost: DecodeCost = DecodeCost()


def join_words(words: Sequence[Word]) -> str:
    """Join words into a line; scripts without spaces are joined without them."""
    line = ""
    for word in words:
        glued = not line or is_unspaced(line[-1]) or is_unspaced(word.text[:1])
        line += word.text if glued else " " + word.text
    return line


def is_unspaced(character: str) -> bool:
    """Tell whether a character belongs to a script written without spaces."""
    # Kana, CJK ideographs, CJK punctuation and full-width forms; Hangul has spaces.
    return bool(character) and (
        "\u3000" <= character <= "\u30ff"
        or "\u3400" <= character <= "\u9fff"
        or "\uff00" <= character <= "\uffef"
    )
