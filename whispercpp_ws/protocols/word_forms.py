"""Words as vendors show them: bare of punctuation, and placed before they are timed."""

from whispercpp_ws.transcript import Word


_PUNCTUATION = '.,!?;:…"()«»„“”¿¡。，！？、'


def bare(word: str) -> str:
    """Return a word in lower case without the punctuation around it; maybe nothing."""
    return word.strip(_PUNCTUATION).lower()


def spread(text: str, start_s: float, end_s: float) -> tuple[Word, ...]:
    """Place the words of a partial, which has no times for them, evenly."""
    words = text.split()
    step_s = (end_s - start_s) / max(1, len(words))
    return tuple(
        Word(word, start_s + i * step_s, start_s + (i + 1) * step_s, 0.0)
        for i, word in enumerate(words)
    )
