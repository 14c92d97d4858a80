"""Read the query of an upgrade request; every error names the parameter at fault."""

from collections.abc import Iterable, Mapping, Sequence

from whispercpp_ws.errors import BadMessage


Query = Mapping[str, Sequence[str]]
"""Every value of each parameter; of one that is repeated the last counts."""


def last(query: Query, name: str, default: str = "") -> str:
    """Return the last value of a parameter."""
    values = query.get(name)
    return values[-1] if values else default


def is_asked_for(query: Query, name: str) -> bool:
    """Tell whether a parameter is there and says anything but "false"."""
    return last(query, name, "false").lower() != "false"


def refuse(query: Query, names: Iterable[str]) -> None:
    """Refuse what is not served here and would be missed; raises BadMessage."""
    for name in names:
        if is_asked_for(query, name):
            raise BadMessage.expected(name, "false: not served here", query[name][-1])


def flag(query: Query, name: str) -> bool:
    """Return true or false, Python's own way to write them too; raises BadMessage."""
    text = last(query, name, "false").lower()
    if text not in {"true", "false"}:
        raise BadMessage.expected(name, "true or false", text)
    return text == "true"


def whole(query: Query, name: str, default: int, *, low: int, high: int) -> int:
    """Return a whole number in a closed range; raises BadMessage."""
    return whole_of(name, last(query, name, str(default)), low=low, high=high)


def whole_of(name: str, text: str, *, low: int, high: int) -> int:
    """Return the whole number that a text is; raises BadMessage."""
    # Nine digits: no limit here is longer, and int() refuses thousands of them.
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise BadMessage.expected(name, f"a whole number {low} to {high}", text)
    if not low <= int(text) <= high:
        raise BadMessage.expected(name, f"a whole number {low} to {high}", text)
    return int(text)
