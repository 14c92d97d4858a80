"""Make words and hypotheses for tests."""

from whispercpp_ws.transcript import Hypothesis, Word


def spoken(text: str, *, word_s: float = 0.4) -> tuple[Word, ...]:
    """Give each word of a line its place, one after the other."""
    return tuple(
        Word(word, index * word_s, (index + 1) * word_s, 0.9)
        for index, word in enumerate(text.split())
    )


def heard(
    text: str,
    *,
    logprob: float = -0.2,
    language: str = "en",
    speech_s: float | None = None,
) -> Hypothesis:
    """Make what an engine would return for a line."""
    words = spoken(text)
    return Hypothesis(text, words, language, len(words), logprob, speech_s=speech_s)
