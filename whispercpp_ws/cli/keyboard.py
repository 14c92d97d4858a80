"""Keep what is typed from disturbing a line that is rewritten."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def without_echo(keyboard: TextIO) -> Iterator[None]:
    """
    Show no keys in the block, not even the `^C` of Ctrl-C.

    Its two columns would wrap a full line, which cannot be rewritten then.
    """
    if sys.platform == "win32" or not keyboard.isatty():
        yield
        return
    import termios

    before = termios.tcgetattr(keyboard)
    quiet = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
    termios.tcsetattr(keyboard, termios.TCSADRAIN, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
