"""Read a CTranslate2 `model.bin` (version 6): an index, then arrays on demand."""

import os
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

from whispercpp_ws.closing import Closing
from whispercpp_ws.errors import NotConvertible


BINARY_VERSION = 6
SPEC = ("WhisperSpec", 3)
MAX_VARIABLES = 10_000
"""large-v3 has 1,058; more is damage."""
MAX_RANK = 4
MAX_NAME_BYTES = 256

_DTYPES: dict[int, np.dtype[np.generic]] = {
    0: np.dtype("<f4"),
    1: np.dtype("<i1"),
    2: np.dtype("<i2"),
    3: np.dtype("<i4"),
    4: np.dtype("<f2"),
}
"""Type numbers of the file; 5 (bfloat16) has no numpy type and is refused."""


@dataclass(frozen=True, slots=True)
class Variable:
    """Where one array lies in the file."""

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    offset: int

    @property
    def size(self) -> int:
        """Bytes of the array."""
        return prod(self.shape) * self.dtype.itemsize


class WhisperArchive(Closing):
    """
    An open `model.bin`; use as a context manager.

    Raises:
        NotConvertible: on opening, when the file is damaged or of another version.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("rb")
        self._size = os.fstat(self._file.fileno()).st_size
        try:
            self.variables = _Index(path, self._file, self._size).read()
        except NotConvertible:
            self._file.close()
            raise

    def close(self) -> None:
        """Close the file; it must not be read again."""
        self._file.close()

    def variable(self, name: str) -> Variable:
        """Return a variable's place; raises NotConvertible if there is none."""
        try:
            return self.variables[name]
        except KeyError:
            raise NotConvertible(
                f"{self._path}: expected variable {name}, found none"
            ) from None

    def rows(self, name: str, part: int = 0, parts: int = 1) -> NDArray[np.generic]:
        """
        Read one of `parts` equal groups of rows of an array.

        Raises:
            NotConvertible: there is no such variable, or its rows do not divide.
        """
        variable = self.variable(name)
        rows = variable.shape[0] if variable.shape else 1
        if rows % parts:
            raise NotConvertible(
                f"{self._path}: expected {parts} groups of rows in {name}, got {rows}"
            )
        self._file.seek(variable.offset + part * variable.size // parts)
        data = self._file.read(variable.size // parts)
        shape = (rows // parts, *variable.shape[1:])
        return np.frombuffer(data, variable.dtype).reshape(shape)


class _Index:
    """Parse the file front to back; every length is checked before it is used."""

    def __init__(self, path: Path, file: BinaryIO, size: int) -> None:
        self._path = path
        self._file = file
        self._size = size

    def read(self) -> dict[str, Variable]:
        self._check_version()
        count = self._bounded("number of variables", self._uint(4), MAX_VARIABLES)
        variables = dict(self._variable() for _ in range(count))
        for _ in range(self._bounded("number of aliases", self._uint(4), count)):
            self._text(), self._text()
        if self._file.tell() != self._size:
            self._refuse("the end of the file", f"more at byte {self._file.tell()}")
        return variables

    def _check_version(self) -> None:
        version = self._uint(4)
        if version != BINARY_VERSION:
            self._refuse(f"CTranslate2 binary version {BINARY_VERSION}", version)
        spec = (self._text(), self._uint(4))
        if spec != SPEC:
            self._refuse(f"{SPEC[0]} revision {SPEC[1]}", f"{spec[0]} {spec[1]}")

    def _variable(self) -> tuple[str, Variable]:
        name = self._text()
        rank = self._bounded(f"rank of {name}", self._uint(1), MAX_RANK)
        shape = struct.unpack(f"<{rank}I", self._bytes(4 * rank))
        number, size = self._uint(1), self._uint(4)
        if number not in _DTYPES:
            self._refuse(f"{name} as float32, float16 or integers", f"type {number}")
        variable = Variable(shape, _DTYPES[number], self._file.tell())
        if size != variable.size:
            self._refuse(f"{variable.size} bytes of {name}", size)
        self._bounded(f"bytes of {name}", size, self._size - variable.offset)
        self._file.seek(size, os.SEEK_CUR)
        return name, variable

    def _text(self) -> str:
        length = self._bounded("length of a name", self._uint(2), MAX_NAME_BYTES)
        return self._bytes(length).rstrip(b"\0").decode("ascii", "replace")

    def _uint(self, size: int) -> int:
        return int.from_bytes(self._bytes(size), "little")

    def _bytes(self, count: int) -> bytes:
        data = self._file.read(count)
        if len(data) != count:
            self._refuse(f"{count} more bytes", f"the end at byte {self._size}")
        return data

    def _bounded(self, what: str, value: int, most: int) -> int:
        if value > most:
            self._refuse(f"{what} of at most {most}", value)
        return value

    def _refuse(self, expected: str, got: object) -> NoReturn:
        raise NotConvertible(
            f"{self._path}: expected {expected}, got {got}; not a CTranslate2 "
            "Whisper model this converter knows"
        )
