"""A deterministic engine without a model, for tests and for protocol demos."""

from collections.abc import Callable, Sequence

from whispercpp_ws.decoding import (
    SAMPLE_RATE,
    DecodeOptions,
    DecodeRequest,
    Priority,
    Samples,
)
from whispercpp_ws.engines.base import Cancelled, EngineInfo, never_cancelled
from whispercpp_ws.transcript import (
    Hypothesis,
    Segment,
    Transcription,
    Word,
    join_words,
)


SECONDS_PER_WORD = 0.5
DEFAULT_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight")


class ScriptedLane:
    """Say one scripted word for each half second of a window."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = tuple(words)

    def decode(
        self, request: DecodeRequest, is_cancelled: Cancelled = never_cancelled
    ) -> Hypothesis:
        """Return the first `seconds / SECONDS_PER_WORD` words, cycling."""
        count = int(len(request.samples) / SAMPLE_RATE / SECONDS_PER_WORD)
        words = tuple(self._word(i) for i in range(count))
        return Hypothesis(
            text=join_words(words),
            words=words,
            language=_language(request.options),
            token_count=count,
            mean_logprob=-0.1 if count else 0.0,
        )

    def transcribe(
        self,
        samples: Samples,
        options: DecodeOptions,
        on_segment: Callable[[Segment], None],
    ) -> Transcription:
        """Return the whole audio as one segment."""
        hypothesis = self.decode(DecodeRequest(0, Priority.FINAL, samples))
        seconds = len(samples) / SAMPLE_RATE
        segment = Segment(hypothesis.text, 0.0, seconds, hypothesis.words)
        on_segment(segment)
        return Transcription(_language(options), (segment,))

    def warm_up(self) -> float:
        """Return 0: nothing here takes any time."""
        return 0.0

    def rest(self) -> None:
        """Do nothing; there is nothing to free."""

    def close(self) -> None:
        """Do nothing; there is nothing to free."""

    def _word(self, index: int) -> Word:
        text = self._words[index % len(self._words)]
        start_s = index * SECONDS_PER_WORD
        return Word(text, start_s, start_s + SECONDS_PER_WORD, 0.9)


class ScriptedEngine:
    """Stand in for a loaded model."""

    def __init__(
        self, words: Sequence[str] = DEFAULT_WORDS, *, model: str = "scripted"
    ) -> None:
        self._words = tuple(words)
        self._model = model

    @property
    def info(self) -> EngineInfo:
        """Describe an engine that knows English and Russian."""
        return EngineInfo("scripted", self._model, ("en", "ru"), lanes=1)

    @property
    def is_forkable(self) -> bool:
        """Say yes: there is nothing that a fork could lose."""
        return True

    def open_lane(self) -> ScriptedLane:
        """Make a lane; lanes share nothing."""
        return ScriptedLane(self._words)

    def close(self) -> None:
        """Do nothing; there is nothing to free."""


def _language(options: DecodeOptions) -> str:
    return "en" if options.language == "auto" else options.language
