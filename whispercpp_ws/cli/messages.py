"""Show what a server says: JSON lines, plain lines, or one line that is rewritten."""

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import Protocol, TextIO

from whispercpp_ws.cli.captions import srt_cue
from whispercpp_ws.cli.cells import cut_to_end
from whispercpp_ws.cli.progress import ProgressBar
from whispercpp_ws.client.client import Message
from whispercpp_ws.events import Acknowledged, Ended, Final, Partial, Warned
from whispercpp_ws.transcript import Segment


ERASE_LINE = "\r\x1b[K"
GREY = "\x1b[90m"
BRIGHT = "\x1b[1m"
PLAIN = "\x1b[0m"
HIDE_CURSOR = "\x1b[?25l"
SHOW_CURSOR = "\x1b[?25h"
ELLIPSIS = "…"


class Display(Protocol):
    """Where messages go."""

    def show(self, message: Message) -> None:
        """Show one message."""
        ...

    def note(self, text: str) -> None:
        """Show a sentence of ours."""
        ...

    def close(self) -> None:
        """Leave what is shown in order; more may be shown afterwards."""
        ...


def say(text: str) -> None:
    """Write a sentence for a person to the standard error."""
    print(f"whispercpp-ws: {text}", file=sys.stderr, flush=True)


class Lines:
    """What displays of whole lines have in common."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def note(self, text: str) -> None:
        """Write it beside the lines, which a program may read."""
        say(text)

    def close(self) -> None:
        """Do nothing: every line is complete."""

    def _line(self, text: str) -> None:
        print(text, file=self._out, flush=True)


class JsonLines(Lines):
    """Every message as it came, one on a line."""

    def show(self, message: Message) -> None:
        """Write the message's own text."""
        self._line(message.text)


class PlainLines(Lines):
    """Finals as lines, partials as lines that start with a tilde."""

    def show(self, message: Message) -> None:
        """Write texts and warnings; other messages have nothing to read."""
        match message.event:
            case Partial(text=text):
                self._line(f"~ {_printable(text)}")
            case Final(text=text):
                self._line(_printable(text))
            case Warned(message=text):
                self._line(f"! {_printable(text)}")


class FinalLines(Lines):
    """Finals as lines and nothing else; warnings go to the standard error."""

    def show(self, message: Message) -> None:
        """Write a final."""
        match message.event:
            case Final(text=text):
                self._line(_printable(text))
            case Warned(message=text):
                say(_printable(text))


class SrtCues(Lines):
    """Finals as SubRip cues, each complete when it is written."""

    def __init__(self, out: TextIO) -> None:
        super().__init__(out)
        self._number = 0

    def show(self, message: Message) -> None:
        """Write a final as a cue."""
        if isinstance(message.event, Final):
            final, self._number = message.event, self._number + 1
            segment = Segment(final.text, final.start_s, final.end_s)
            self._line(srt_cue(self._number, segment))

    def note(self, text: str) -> None:
        """Leave notes to the display beside it."""


class LiveLine:
    """
    Finals as lines; below them the open utterance, rewritten in place.

    What may still change is grey, what is stable as usual, and a final bright.
    """

    def __init__(
        self, out: TextIO, columns: Callable[[], int], *, grey: str = GREY
    ) -> None:
        self._out = out
        self._columns = columns
        self._grey = grey
        self._open = ""
        self._is_drawing = False

    def show(self, message: Message) -> None:
        """Rewrite the last line, and go to the next one after a final."""
        match message.event:
            case Partial(text=text, stable=stable):
                self._open = self._fitted(_printable(text), len(stable))
                self._rewrite(self._open)
            case Final(text=text):
                self._open = ""
                self._rewrite(f"{BRIGHT}{_printable(text)}{PLAIN}\n")
            case Warned(message=text):
                self._rewrite(f"! {_printable(text)}\n{self._open}")

    def note(self, text: str) -> None:
        """Write it above the open utterance."""
        self._rewrite("")
        say(text)
        self._rewrite(self._open)

    def close(self) -> None:
        """Erase what is not final, and give the cursor back."""
        if self._is_drawing:
            self._open = ""
            self._write(ERASE_LINE + SHOW_CURSOR)
            self._is_drawing = False

    def _rewrite(self, text: str) -> None:
        start = "" if self._is_drawing else HIDE_CURSOR
        self._is_drawing = True
        self._write(start + ERASE_LINE + text)

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()

    def _fitted(self, text: str, stable: int) -> str:
        """Keep the end of what is too wide; the last column stays free."""
        room = max(1, self._columns() - 1)
        mark = ""
        cut = cut_to_end(text, room)
        if cut:
            mark, cut = ELLIPSIS, cut_to_end(text, room - 1)
        stable = max(cut, stable)
        return f"{mark}{text[cut:stable]}{self._grey}{text[stable:]}{PLAIN}"


class Several:
    """Several displays at once; the first one has the notes."""

    def __init__(self, displays: Sequence[Display]) -> None:
        self._displays = displays

    def show(self, message: Message) -> None:
        """Show it everywhere."""
        for display in self._displays:
            display.show(message)

    def note(self, text: str) -> None:
        """Show it once."""
        self._displays[0].note(text)

    def close(self) -> None:
        """Close all."""
        for display in self._displays:
            display.close()


class Progress:
    """A bar that shows how much of a recording has been heard."""

    def __init__(self, bar: ProgressBar, label: str, seconds: float | None) -> None:
        self._bar = bar
        self._label = label
        self._total = None if seconds is None else max(1, round(seconds))
        self._done = 0

    def show(self, message: Message) -> None:
        """Move on to the latest time that a message speaks of."""
        match message.event:
            case Partial(end_s=at_s) | Final(end_s=at_s) | Acknowledged(offset_s=at_s):
                self._done = max(self._done, round(at_s))
            case Ended(offset_s=at_s):
                self._total = self._done = self._total or max(1, round(at_s))
        total = self._total
        self._bar(self._label, min(self._done, total or self._done), total)

    def note(self, text: str) -> None:
        """Leave notes to the display beside it."""

    def close(self) -> None:
        """End the line of the bar."""
        self._bar.finish()


def live_line(out: TextIO) -> LiveLine:
    """Make the display of a terminal."""
    # https://no-color.org
    grey = "" if os.environ.get("NO_COLOR") else GREY
    return LiveLine(out, lambda: shutil.get_terminal_size().columns, grey=grey)


def _printable(text: str) -> str:
    """Keep a server's text from steering the terminal."""
    return "".join(c if c.isprintable() else " " for c in text)
