"""Show what a server says: JSON lines, plain lines, or one line that is rewritten."""

from typing import Protocol, TextIO

from whispercpp_ws.client.client import Message
from whispercpp_ws.events import Final, Partial, Warned


ERASE_LINE = "\r\x1b[K"
DIM = "\x1b[2m"
PLAIN = "\x1b[0m"


class Display(Protocol):
    """Where messages go."""

    def show(self, message: Message) -> None:
        """Show one message."""
        ...


class JsonLines:
    """Every message as it came, one on a line."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def show(self, message: Message) -> None:
        """Write the message's own text."""
        print(message.text, file=self._out, flush=True)


class PlainLines:
    """Finals as lines, partials as lines that start with a tilde."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def show(self, message: Message) -> None:
        """Write texts and warnings; other messages have nothing to read."""
        match message.event:
            case Partial(text=text):
                self._line(f"~ {text}")
            case Final(text=text):
                self._line(text)
            case Warned(message=text):
                self._line(f"! {text}")

    def _line(self, text: str) -> None:
        print(_printable(text), file=self._out, flush=True)


class LiveLine:
    """Finals as lines; below them the open utterance, rewritten in place."""

    def __init__(self, out: TextIO, columns: int) -> None:
        self._out = out
        self._columns = columns

    def show(self, message: Message) -> None:
        """Rewrite the last line, and go to the next one after a final."""
        match message.event:
            case Partial(text=text, stable=stable):
                self._rewrite(self._fitted(_printable(text), len(stable)))
            case Final(text=text):
                self._rewrite(_printable(text) + "\n")
            case Warned(message=text):
                self._rewrite(f"! {_printable(text)}\n")

    def _rewrite(self, text: str) -> None:
        self._out.write(ERASE_LINE + text)
        self._out.flush()

    def _fitted(self, text: str, stable: int) -> str:
        """Dim what may still change, and keep the end of what is too wide."""
        cut = max(0, len(text) - self._columns + 1)
        stable = max(cut, stable)
        return f"{text[cut:stable]}{DIM}{text[stable:]}{PLAIN}"


def _printable(text: str) -> str:
    """Keep a server's text from steering the terminal."""
    return "".join(c if c.isprintable() else " " for c in text)
