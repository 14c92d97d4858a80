"""
Word errors after normalisation, the only place that imports jiwer and its kin.

English: Whisper's English normaliser (contractions, spelling, numbers as figures).
Others: its basic normaliser (case, punctuation, symbols). Chinese and Japanese are
scored by character. Russian also: ё as е, and cardinal number words in their
nominative form as figures ("две тысячи тринадцать" as 2013); ordinals and declined
numbers stay words. Number words of other languages are not folded.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

import jiwer
from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

from scripts.bench.russian_numbers import fold_numbers


@dataclass(frozen=True, slots=True)
class Edits:
    """Words of hypotheses against those of references."""

    hits: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    @property
    def reference_words(self) -> int:
        """Words of the references."""
        return self.hits + self.substitutions + self.deletions

    @property
    def hypothesis_words(self) -> int:
        """Words of the hypotheses."""
        return self.hits + self.substitutions + self.insertions

    @property
    def rate_percent(self) -> float | None:
        """Word error rate in percent; None without reference words."""
        if not self.reference_words:
            return None
        errors = self.substitutions + self.deletions + self.insertions
        return 100 * errors / self.reference_words


def normalised(text: str, language: str) -> str:
    """Return a text as it is scored, words with spaces between."""
    if language == "ru":
        words = _normaliser("ru")(text).replace("ё", "е").split()
        return " ".join(fold_numbers(words))
    return _normaliser(language)(text).strip()


def edits(reference: str, hypothesis: str, language: str) -> Edits:
    """Align a hypothesis to its reference; both are raw text."""
    wanted = normalised(reference, language)
    got = normalised(hypothesis, language)
    # jiwer aligns nothing to nothing in more than one way; say what is meant.
    if not wanted or not got:
        return Edits(deletions=len(wanted.split()), insertions=len(got.split()))
    found = jiwer.process_words(wanted, got)
    return Edits(found.hits, found.substitutions, found.deletions, found.insertions)


def total(parts: Iterable[Edits]) -> Edits:
    """Add up, so that long clips count for more."""
    every = list(parts)
    return Edits(
        hits=sum(part.hits for part in every),
        substitutions=sum(part.substitutions for part in every),
        deletions=sum(part.deletions for part in every),
        insertions=sum(part.insertions for part in every),
    )


@cache
def _normaliser(language: str) -> Callable[[str], str]:
    if language == "en":
        english: Callable[[str], str] = EnglishTextNormalizer()
        return english
    basic: Callable[[str], str] = BasicTextNormalizer(
        split_letters=language in ("zh", "ja")
    )
    return basic
