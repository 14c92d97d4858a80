"""Russian cardinal number words as figures."""

from collections.abc import Iterator, Sequence


_ONES = (
    "ноль один два три четыре пять шесть семь восемь девять десять одиннадцать "
    "двенадцать тринадцать четырнадцать пятнадцать шестнадцать семнадцать "
    "восемнадцать девятнадцать"
)
_TENS = "двадцать тридцать сорок пятьдесят шестьдесят семьдесят восемьдесят девяносто"
_HUNDREDS = "сто двести триста четыреста пятьсот шестьсот семьсот восемьсот девятьсот"

VALUES = (
    {word: value for value, word in enumerate(_ONES.split())}
    | {word: 10 * value for value, word in enumerate(_TENS.split(), start=2)}
    | {word: 100 * value for value, word in enumerate(_HUNDREDS.split(), start=1)}
    | {"одна": 1, "одно": 1, "две": 2}
)
SCALES = {"тысяча": 1000, "тысячи": 1000, "тысяч": 1000}


def fold_numbers(words: Sequence[str]) -> list[str]:
    """
    Write runs of number words as figures; words read one by one stay apart.

    A run goes on while its next word fits into the room the last one left, so
    "двадцать пять" is 25 and "пять пять" is 5 5.
    """
    return list(_folded(words))


def _folded(words: Sequence[str]) -> Iterator[str]:
    number: _Number | None = None
    for word in words:
        grown = number.with_word(word) if number else None
        if grown is None and number is not None:
            yield str(number.value)
        number = grown or _Number.of(word)
        if number is None:
            yield word
    if number is not None:
        yield str(number.value)


class _Number:
    """A number read so far; `room` is below what the next word must be."""

    def __init__(self, value: int, room: int, thousands: bool = False) -> None:
        self.value = value
        self._room = room
        self._has_thousands = thousands

    @classmethod
    def of(cls, word: str) -> "_Number | None":
        if word in SCALES:
            return cls(1000, 1000, thousands=True)
        # Figures take a scale after them ("60 тысяч") but no further words.
        if word.isascii() and word.isdigit() and len(word) <= 3:
            return cls(int(word), 0)
        value = VALUES.get(word)
        return None if value is None else cls(value, _room_after(value))

    def with_word(self, word: str) -> "_Number | None":
        if word in SCALES and not self._has_thousands:
            return _Number(self.value * 1000, 1000, thousands=True)
        value = VALUES.get(word)
        if value is None or not 0 < value < self._room:
            return None
        return _Number(self.value + value, _room_after(value), self._has_thousands)


def _room_after(value: int) -> int:
    if value >= 100:
        return 100
    return 10 if value >= 20 else 0
