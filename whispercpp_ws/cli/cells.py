"""How wide text stands on a terminal; pure functions."""

import unicodedata


def cells(text: str) -> int:
    """Count the columns a text takes: ideographs and emoji two, accents none."""
    return sum(_cells(character) for character in text)


def cut_to_end(text: str, columns: int) -> int:
    """Return where the longest end of a text begins that fits into so many columns."""
    start, taken = len(text), 0
    while start and taken + _cells(text[start - 1]) <= columns:
        start -= 1
        taken += _cells(text[start])
    # An accent belongs to the letter before it, which did not fit.
    while start and start < len(text) and not _cells(text[start]):
        start += 1
    return start


def _cells(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
