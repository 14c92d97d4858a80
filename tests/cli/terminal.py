"""A program in a pseudo-terminal, and the screen that a person would see."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pyte


ROOT = Path(__file__).parent.parent.parent
WAIT_S = 30.0


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """A terminal in which one Python program runs; use as a context."""

    def __init__(self, *words: str, columns: int = 40, rows: int = 8) -> None:
        self.screen = pyte.Screen(columns, rows)
        self.raw = b""
        self._stream = pyte.ByteStream(self.screen)
        self._master, slave = pty.openpty()
        self.resize(columns, rows)
        drop = ("COLUMNS", "LINES", "NO_COLOR")
        env = {name: v for name, v in os.environ.items() if name not in drop}
        self.process = subprocess.Popen(
            [sys.executable, *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=env | {"TERM": "xterm-256color"},
            cwd=ROOT,
            start_new_session=True,
            # Ctrl-C is for those that the terminal controls.
            preexec_fn=_take_terminal,
        )
        os.close(slave)

    def resize(self, columns: int, rows: int) -> None:
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, size)
        self.screen.resize(rows, columns)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def until(self, seen: Callable[[], bool]) -> None:
        """Read what the program writes until something is seen on the screen."""
        end_s = time.monotonic() + WAIT_S
        while not seen():
            left_s = end_s - time.monotonic()
            assert left_s > 0 and self._read(left_s), f"never seen: {self.lines()}"

    def status(self) -> int:
        """Read to the end and return the program's status."""
        while self._read(WAIT_S):
            pass
        return self.process.wait(WAIT_S)

    def lines(self) -> Sequence[str]:
        """Return what stands on the screen, without the blank rest."""
        return (
            "\n".join(line.rstrip() for line in self.screen.display)
            .rstrip()
            .split("\n")
        )

    def echoes(self) -> bool:
        """Tell whether keys are shown."""
        return bool(termios.tcgetattr(self._master)[3] & termios.ECHO)

    def colours(self, row: int) -> list[tuple[str, str, bool]]:
        """Return the runs of one line: text, colour, and whether it is bright."""
        runs: list[tuple[str, str, bool]] = []
        for column in range(self.screen.columns):
            cell = self.screen.buffer[row][column]
            if runs and runs[-1][1:] == (cell.fg, cell.bold):
                runs[-1] = (runs[-1][0] + cell.data, cell.fg, cell.bold)
            else:
                runs.append((cell.data, cell.fg, cell.bold))
        return [run for run in runs if run[0].strip()]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, wait_s: float) -> bool:
        if not select.select([self._master], [], [], wait_s)[0]:
            return False
        try:
            data = os.read(self._master, 65_536)
        except OSError:
            # Linux says so when the program has gone.
            return False
        self.raw += data
        self._stream.feed(data)
        return bool(data)
