"""Show how far a long piece of work has come."""

import sys
import time
from collections.abc import Callable
from typing import TextIO


WIDTH = 20
"""Of the bar, in characters."""

LABEL_WIDTH = 28
"""With the bar and the numbers, 79 columns: a line that wraps is not rewritten."""

REDRAW_S = 0.1
QUARTERS = 4
"""Lines per piece of work where the output is a log, not a terminal."""

MEGABYTE = 1_000_000


class ProgressBar:
    """
    Rewrite one line on a terminal; write a few plain lines anywhere else.

    An instance is a `Progress` callback. The line ends when the work is done; call
    `finish` where it may have been given up.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        unit: str = "MB",
        scale: float = MEGABYTE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._unit = unit
        self._scale = scale
        self._clock = clock
        self._terminal = self._stream.isatty()
        self._label = ""
        self._quarter = -1
        self._drawn_s = float("-inf")

    def __call__(self, label: str, done: int, total: int | None) -> None:
        """Show that `done` of `total` units of `label` are done."""
        if label != self._label:
            self.finish()
            self._label = label
        if self._is_due(done, total):
            shown = self._bar(done, total) + self._numbers(done, total)
            text = f"{_shortened(label)} {shown}"
            self._write(f"\r{text}\x1b[K" if self._terminal else f"{text}\n")
        if done == total:
            self.finish()

    def finish(self) -> None:
        """End the line, so that what is printed next does not stand on it."""
        if self._label and self._terminal:
            self._write("\n")
        self._label, self._quarter, self._drawn_s = "", -1, float("-inf")

    def _is_due(self, done: int, total: int | None) -> bool:
        if self._terminal:
            now_s = self._clock()
            due = done == total or now_s - self._drawn_s >= REDRAW_S
            self._drawn_s = now_s if due else self._drawn_s
            return due
        quarter = QUARTERS * done // total if total else 0
        due = quarter > self._quarter
        self._quarter = max(quarter, self._quarter)
        return due

    def _bar(self, done: int, total: int | None) -> str:
        if not self._terminal or not total:
            return ""
        filled = min(WIDTH, WIDTH * done // total)
        return f"[{'#' * filled}{'.' * (WIDTH - filled)}] "

    def _numbers(self, done: int, total: int | None) -> str:
        amount = f"{done / self._scale:.1f}"
        if not total:
            return f"{amount} {self._unit}"
        percent = 100 * done // total
        return f"{percent} % ({amount} of {total / self._scale:.1f} {self._unit})"

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _shortened(label: str) -> str:
    return label if len(label) <= LABEL_WIDTH else label[: LABEL_WIDTH - 1] + "…"
