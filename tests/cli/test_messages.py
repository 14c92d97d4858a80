"""Messages are shown as lines, or on one line that is rewritten."""

import io

import pytest

from tests.scripted_server import END, FINAL, PARTIAL, READY, WARNING
from whispercpp_ws.cli.messages import Display, JsonLines, LiveLine, PlainLines
from whispercpp_ws.client.client import Message
from whispercpp_ws.protocols.native import decode_event


ALL = (READY, PARTIAL, WARNING, FINAL, END)


def shown(display: Display, out: io.StringIO, *texts: str) -> str:
    for text in texts:
        display.show(Message(decode_event(text), text))
    return out.getvalue()


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


def test_json_lines_are_the_messages_as_they_came(out: io.StringIO) -> None:
    assert shown(JsonLines(out), out, *ALL) == "".join(f"{text}\n" for text in ALL)


def test_plain_lines_mark_what_is_not_final(out: io.StringIO) -> None:
    assert shown(PlainLines(out), out, *ALL) == "~ ask not\n! slow\nAsk not.\n"


def test_a_live_line_is_rewritten_until_the_final(out: io.StringIO) -> None:
    assert shown(LiveLine(out, 80), out, *ALL) == (
        "\r\x1b[Kask\x1b[2m not\x1b[0m\r\x1b[K! slow\n\r\x1b[KAsk not.\n"
    )


@pytest.mark.parametrize(
    ("columns", "line"),
    [(7, "sk\x1b[2m not\x1b[0m"), (4, "\x1b[2mnot\x1b[0m")],
)
def test_a_wide_line_keeps_its_end(out: io.StringIO, columns: int, line: str) -> None:
    assert shown(LiveLine(out, columns), out, PARTIAL) == "\r\x1b[K" + line


def test_a_server_cannot_steer_the_terminal(out: io.StringIO) -> None:
    evil = FINAL.replace("Ask not.", "\\u001b[2J\\nboo")
    assert shown(PlainLines(out), out, evil) == " [2J boo\n"
