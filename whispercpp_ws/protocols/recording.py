"""What the HTTP dialects share: a form in, what a whole file says out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from whispercpp_ws.errors import BadMessage
from whispercpp_ws.events import Final
from whispercpp_ws.transcript import Word, join_words


MAX_PROMPT_CHARS = 800
"""What Whisper reads of a prompt, 224 tokens, with room for earlier finals."""

Form = Mapping[str, Sequence[str]]
"""The text fields of a form; one that is repeated has several values."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What a whole file says."""

    seconds: float
    language: str
    """ISO 639-1 code of most of it."""
    finals: tuple[Final, ...]

    @property
    def text(self) -> str:
        """Everything in one line."""
        return joined(self.finals)

    @property
    def words(self) -> list[Word]:
        """The words of all finals."""
        return [word for final in self.finals for word in final.words or ()]


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a response."""

    content_type: str
    text: str


def joined(finals: Sequence[Final]) -> str:
    """Join the texts of finals; scripts without spaces are joined without them."""
    return join_words([Word(f.text, f.start_s, f.end_s, 1.0) for f in finals if f.text])


def field(form: Form, name: str, default: str = "") -> str:
    """Return the last value of a field."""
    values = form.get(name)
    return values[-1].strip() if values else default


def number(form: Form, name: str, default: float, *, low: float, high: float) -> float:
    """Return a number in a closed range; raises BadMessage, naming the field."""
    text = field(form, name)
    try:
        value = float(text) if text else default
    except ValueError:
        value = high + 1
    # Also refuses NaN, which no comparison holds for.
    if not low <= value <= high:
        raise BadMessage.expected(name, f"a number {low:g} to {high:g}", text)
    return value


def prompt(form: Form) -> str:
    """Return the prompt, as much of it as the decoder reads: the end."""
    return field(form, "prompt").replace("\0", "")[-MAX_PROMPT_CHARS:]
