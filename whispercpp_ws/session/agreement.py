"""
Words that may be promised: LocalAgreement-2 on normalised words.

Source: Macháček et al., "Turning Whisper into Real-Time Transcription System",
arXiv:2307.14743; words are compared without case and punctuation, for those flip
between decodes of the same audio.
"""

from collections.abc import Sequence
from difflib import SequenceMatcher

from whispercpp_ws.transcript import Word, join_words


class LocalAgreement:
    """
    Keep the stable words of one utterance; they are only ever appended to.

    A word is stable when two decodes in a row, the second with more audio, agree on
    it and on all before it, and it does not end at the edge of the audio.
    """

    def __init__(self) -> None:
        self._stable: list[Word] = []
        self._part_first = 0
        """Index of the first stable word of the open part."""
        self._closed_first = 0
        """The same of the part that was closed last."""
        self._window_first = 0
        """The same of the partial window, which may start later."""
        self._tentative: list[Word] = []

    @property
    def stable(self) -> str:
        """Text that will not change."""
        return join_words(self._stable)

    @property
    def text(self) -> str:
        """All text, the stable first."""
        return join_words(self._stable + self._tentative)

    def receive(self, words: Sequence[Word], *, settled_until_s: float) -> int:
        """
        Take the words of a newer decode of the open window.

        Args:
            words: with times from the window's start.
            settled_until_s: words that end later may still change.

        Returns how many of them, from the first on, are stable word for word.
        """
        return self._receive(words, self._window_first, settled_until_s)

    def receive_part(self, words: Sequence[Word], *, settled_until_s: float) -> None:
        """Take the words of a decode of all of the open part."""
        self._receive(words, self._part_first, settled_until_s)

    def move_window(self, count: int) -> None:
        """Start the window that many stable words later."""
        self._window_first = min(self._window_first + count, len(self._stable))

    def _receive(
        self, words: Sequence[Word], first: int, settled_until_s: float
    ) -> int:
        tail = self._behind_stable(words, first)
        agreed = _common_prefix(tail, self._tentative)
        while agreed and tail[agreed - 1].end_s > settled_until_s:
            agreed -= 1
        is_exact = len(words) - len(tail) == len(self._stable) - first
        self._stable += tail[:agreed]
        self._tentative = tail[agreed:]
        return len(self._stable) - first if is_exact else 0

    def close_part(self, words: Sequence[Word], ahead: Sequence[Word] = ()) -> None:
        """
        Take the last decode of a part that ended: all of it stands.

        `ahead` are words that it heard behind the part; some may be stable already.
        """
        tail = self._behind_stable((*words, *ahead), self._part_first)
        own = max(0, len(tail) - len(ahead))
        self._stable += tail[:own]
        passed = max(0, len(ahead) - len(tail))
        self._closed_first = self._part_first
        self._part_first = self._window_first = len(self._stable) - passed
        self._tentative = tail[own:]

    def reopen_part(self) -> None:
        """Take that the next decodes are of the part closed last and the open one."""
        self._part_first = self._window_first = self._closed_first

    def _behind_stable(self, words: Sequence[Word], first: int) -> list[Word]:
        """Return the words that come after the stable ones from an index on."""
        known = [normalise(word.text) for word in self._stable[first:]]
        heard = [normalise(word.text) for word in words]
        if heard[: len(known)] == known:
            return list(words[len(known) :])
        return list(words[_end_of_match(known, heard) :])


def normalise(text: str) -> str:
    """Fold case and drop punctuation, so that "Hello," equals "hello"."""
    letters = "".join(c for c in text.casefold() if c.isalnum())
    return letters or text


def _common_prefix(newer: Sequence[Word], older: Sequence[Word]) -> int:
    count = 0
    for new, old in zip(newer, older, strict=False):
        if normalise(new.text) != normalise(old.text):
            break
        count += 1
    return count


def _end_of_match(known: list[str], heard: list[str]) -> int:
    """Find where the known words end among the heard ones, changed ones included."""
    blocks = SequenceMatcher(None, known, heard, autojunk=False).get_matching_blocks()
    matched = [block for block in blocks if block.size]
    if not matched:
        return min(len(known), len(heard))
    last = matched[-1]
    missing = len(known) - (last.a + last.size)
    return min(last.b + last.size + missing, len(heard))
