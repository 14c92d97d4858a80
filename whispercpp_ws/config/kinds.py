"""What the value of an option may be, and how it is read from text and from TOML."""

import math
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from whispercpp_ws.errors import ConfigError


MAX_KEY_FILE_BYTES = 64 * 1024
"""A PEM public key is below 4 kB; a wrong path should not read a disk image."""


class Kind(ABC):
    """A type of value; both readers raise ConfigError naming the option."""

    __slots__ = ()

    @property
    @abstractmethod
    def expected(self) -> str:
        """Say what is accepted, as in "a whole number from 1 to 5"."""

    @abstractmethod
    def read(self, text: str, name: str) -> object:
        """Read the text of a flag or variable called `name`."""

    def take(self, value: object, name: str) -> object:
        """Check the TOML value called `name`; most kinds are written as text."""
        return (
            self.read(value, name)
            if isinstance(value, str)
            else self.refuse(name, value)
        )

    def show(self, value: object) -> str:
        """Write a value as it would be given; empty for nothing and for secrets."""
        return str(value)

    def refuse(self, name: str, value: object) -> NoReturn:
        """Raise the one error of a bad value, which is cut to 80 characters."""
        shown = repr(value)
        shown = shown if len(shown) <= 80 else shown[:77] + "..."
        raise ConfigError(f"{name}: expected {self.expected}, got {shown}", field=name)


@dataclass(frozen=True, slots=True)
class Text(Kind):
    """Text that matches a whole pattern."""

    pattern: str
    meaning: str

    @property
    def expected(self) -> str:
        """Return what the pattern means."""
        return self.meaning

    def read(self, text: str, name: str) -> str:
        """Return the text when the pattern matches."""
        return text if re.fullmatch(self.pattern, text) else self.refuse(name, text)


@dataclass(frozen=True, slots=True)
class Choice(Kind):
    """One of a few texts."""

    choices: tuple[str, ...]

    @property
    def expected(self) -> str:
        """List the choices."""
        return " or ".join(
            filter(None, (", ".join(self.choices[:-1]), self.choices[-1]))
        )

    def read(self, text: str, name: str) -> str:
        """Return the text when it is a choice."""
        return text if text in self.choices else self.refuse(name, text)


@dataclass(frozen=True, slots=True)
class Whole(Kind):
    """A whole number within a range."""

    least: int
    most: int

    @property
    def expected(self) -> str:
        """Name the range."""
        return f"a whole number from {self.least} to {self.most}"

    def read(self, text: str, name: str) -> int:
        """Return the number written in ASCII digits."""
        # 18 digits keep int() quick for a text of any length.
        if not re.fullmatch(r"-?[0-9]{1,18}", text):
            self.refuse(name, text)
        return self.take(int(text), name)

    def take(self, value: object, name: str) -> int:
        """Return the number when it is in range; a boolean is no number."""
        if isinstance(value, bool) or not isinstance(value, int):
            self.refuse(name, value)
        return value if self.least <= value <= self.most else self.refuse(name, value)


@dataclass(frozen=True, slots=True)
class Decimal(Kind):
    """A number with a fraction, within a range."""

    least: float
    most: float

    @property
    def expected(self) -> str:
        """Name the range."""
        return f"a number from {self.least:g} to {self.most:g}"

    def read(self, text: str, name: str) -> float:
        """Return the number."""
        try:
            value = float(text)
        except ValueError:
            self.refuse(name, text)
        return self.take(value, name)

    def take(self, value: object, name: str) -> float:
        """Return the number when it is in range; a boolean or NaN is none."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse(name, value)
        if math.isnan(value) or not self.least <= value <= self.most:
            self.refuse(name, value)
        return float(value)

    def show(self, value: object) -> str:
        """Return the shortest digits."""
        return f"{value:g}" if isinstance(value, float) else str(value)


class Switch(Kind):
    """Yes or no."""

    @property
    def expected(self) -> str:
        """Name both values."""
        return "true or false"

    def read(self, text: str, name: str) -> bool:
        """Return true for true and 1, false for false and 0; nothing else counts."""
        if text.lower() in ("true", "1"):
            return True
        return False if text.lower() in ("false", "0") else self.refuse(name, text)

    def take(self, value: object, name: str) -> bool:
        """Return the value when it is a boolean."""
        return value if isinstance(value, bool) else self.refuse(name, value)

    def show(self, value: object) -> str:
        """Return true or false."""
        return "true" if value else "false"


class Origins(Kind):
    """Origins of pages: scheme, host and port, without a path."""

    @property
    def expected(self) -> str:
        """Give an example."""
        return "origins such as https://app.example.org"

    def read(self, text: str, name: str) -> tuple[str, ...]:
        """Return what stands between the commas."""
        parts = (part.strip() for part in text.split(","))
        return self.take([part for part in parts if part], name)

    def take(self, value: object, name: str) -> tuple[str, ...]:
        """Return the list when each item is an origin."""
        if not isinstance(value, list):
            self.refuse(name, value)
        for origin in value:
            if not re.fullmatch(r"https?://[^\s/]+", str(origin)):
                self.refuse(name, origin)
        return tuple(value)

    def show(self, value: object) -> str:
        """Return the origins with commas between."""
        return ",".join(value) if isinstance(value, tuple) else ""


class FolderPath(Kind):
    """A place on disk; it need not exist yet."""

    @property
    def expected(self) -> str:
        """Name the kind."""
        return "a path"

    def read(self, text: str, name: str) -> Path:
        """Return the path; an empty one would be the working folder by accident."""
        return Path(text) if text else self.refuse(name, text)


class KeyFile(Kind):
    """A file whose content is a key."""

    @property
    def expected(self) -> str:
        """Name the kind."""
        return "a readable file with a key"

    def read(self, text: str, name: str) -> str:
        """Return the key in the file, without the line end an editor adds."""
        try:
            with Path(text).open(encoding="utf-8") as file:
                key = file.read(MAX_KEY_FILE_BYTES).strip()
        except (OSError, ValueError):
            key = ""
        return key or self.refuse(name, text)

    def show(self, value: object) -> str:
        """Return nothing; a key is never shown."""
        return ""


class Secret(Kind):
    """A key itself, from the environment only; no message ever repeats it."""

    @property
    def expected(self) -> str:
        """Name the kind."""
        return "a key that is not empty"

    def read(self, text: str, name: str) -> str:
        """Return the key."""
        return text.strip() or self.refuse(name, text)

    def show(self, value: object) -> str:
        """Return nothing; a key is never shown."""
        return ""


SWITCH = Switch()
ORIGINS = Origins()
PATH = FolderPath()
KEY_FILE = KeyFile()
SECRET = Secret()
