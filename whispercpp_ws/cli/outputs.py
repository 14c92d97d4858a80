"""One text file for each audio file, in a folder."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from whispercpp_ws.cli.inputs import STDIN
from whispercpp_ws.errors import ConfigError


class OutputFolder:
    """A folder of `--output-dir`; raises ConfigError where two files would be one."""

    def __init__(self, folder: Path, suffix: str, files: Sequence[Path]) -> None:
        self._folder = folder
        self._suffix = suffix
        if len({self._name(file) for file in files}) < len(files):
            raise ConfigError("--output-dir: two of the files have the same name")

    @contextmanager
    def opened(self, file: Path) -> Iterator[TextIO]:
        """Open the text of an audio file for writing; raises ConfigError."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            out = (self._folder / self._name(file)).open("w", encoding="utf-8")
        except OSError as error:
            raise ConfigError(
                f"--output-dir: expected a folder that can be written, got "
                f"{self._folder} ({error.strerror})",
                field="output-dir",
            ) from error
        with out:
            yield out

    def _name(self, file: Path) -> str:
        stem = "stdin" if file == STDIN else file.stem
        return f"{stem}.{self._suffix}"
