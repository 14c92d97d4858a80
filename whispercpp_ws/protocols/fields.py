"""Take typed fields out of a JSON object; every error names the field at fault."""

from dataclasses import dataclass

from whispercpp_ws.errors import BadMessage
from whispercpp_ws.protocols.json_object import JsonObject


MAX_SECONDS = 1e9
"""30 years; a larger time is a mistake, and huge integers do not fit a float."""


@dataclass(frozen=True, slots=True)
class Fields:
    """
    The fields of one message.

    A field that is absent gives the default; so does `null` where text is expected.
    Every method raises `error` when a value has the wrong type or range.
    """

    body: JsonObject
    error: type[BadMessage] = BadMessage

    def has(self, name: str) -> bool:
        """Tell whether the message carries a field."""
        return name in self.body

    def text(self, name: str, default: str = "", *, max_chars: int) -> str:
        """Return a string without NUL, which C would take for its end."""
        value = self.body.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.error.expected(name, "a string", value)
        if "\0" in value:
            raise self.error.expected(name, "a string without NUL", value)
        if len(value) > max_chars:
            raise self.error.expected(
                name, f"at most {max_chars} characters", f"{len(value)} characters"
            )
        return value

    def flag(self, name: str, default: bool) -> bool:
        """Return true or false."""
        value = self.body.get(name, default)
        if not isinstance(value, bool):
            raise self.error.expected(name, "true or false", value)
        return value

    def whole(self, name: str, default: int, *, low: int, high: int) -> int:
        """Return a whole number in a closed range; 16000.0 is one, true is not."""
        number = self._number(name, default, f"a whole number {low} to {high}")
        if number != int(number) or not low <= number <= high:
            raise self.error.expected(
                name, f"a whole number {low} to {high}", self.body[name]
            )
        return int(number)

    def seconds(self, name: str, default: float = 0.0) -> float:
        """Return a number of seconds, zero or more."""
        number = self._number(name, default, "seconds, 0 or more")
        if not 0 <= number <= MAX_SECONDS:
            raise self.error.expected(name, "seconds, 0 or more", self.body[name])
        return float(number)

    def _number(self, name: str, default: float, expected: str) -> float | int:
        value = self.body.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error.expected(name, expected, value)
        return value
