"""Which language a window is decoded in, and how many tokens it may take."""

AUTO = "auto"

TOKENS_PER_S_DENSE = 13
TOKENS_PER_S = 8
"""Most tokens of a second of speech. With 6 (streaming §1.10) 16 finals of six fast
English, German and French readers were decoded twice, and one of them had its last
words cut off first; scripts whose letters take a token or more each get more."""

_DENSE = frozenset(
    ("zh", "ja", "ko", "yue", "th", "lo", "my", "km", "bo", "hi", "mr", "ne", "bn")
    + ("as", "gu", "pa", "ta", "te", "kn", "ml", "si", "sa", "ar", "fa", "ur", "ps")
    + ("sd", "he", "yi", "am", "ti", "hy", "ka", "el")
)


def tokens_per_s(language: str) -> int:
    """Return the most tokens a second of speech in a language can need."""
    is_dense = language in _DENSE or language == AUTO
    return TOKENS_PER_S_DENSE if is_dense else TOKENS_PER_S


class LanguageMemory:
    """
    Remember the language last heard in a session.

    With `auto`, each utterance with enough speech is detected once and pinned; before
    that, and in shorter ones, the language heard before is assumed. It takes a sure
    detection to leave that: one cough must not turn a talk into Welsh.
    """

    def __init__(self, *, switch_probability: float) -> None:
        self._heard = ""
        self._switch_probability = switch_probability

    def assumed(self, wanted: str) -> str:
        """Return the language to decode in while nothing is detected."""
        return wanted if wanted != AUTO else self._heard or AUTO

    def hear(self, language: str, probability: float) -> str:
        """Take a detection and return the language the utterance is held to be in."""
        if probability == 0.0:
            # No speech was heard in it.
            return self._heard or language
        if not self._heard or probability >= self._switch_probability:
            self._heard = language
        return self._heard
