"""Keys are quiet while a line is rewritten; test_mic looks at a real terminal."""

import io

from whispercpp_ws.cli.keyboard import without_echo


def test_what_is_no_terminal_is_left_alone() -> None:
    keyboard = io.StringIO("typed")
    with without_echo(keyboard):
        assert keyboard.read() == "typed"
