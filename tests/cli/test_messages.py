"""Messages are shown as lines, or on one line that is rewritten."""

import io

import pytest

from tests.scripted_server import END, FINAL, PARTIAL, READY, WARNING
from whispercpp_ws.cli.messages import (
    Display,
    FinalLines,
    JsonLines,
    LiveLine,
    PlainLines,
    Progress,
    Several,
    SrtCues,
    live_line,
)
from whispercpp_ws.cli.progress import ProgressBar
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
    assert shown(LiveLine(out, lambda: 80), out, *ALL) == (
        "\x1b[?25l\r\x1b[Kask\x1b[90m not\x1b[0m"
        "\r\x1b[K! slow\nask\x1b[90m not\x1b[0m"
        "\r\x1b[K\x1b[1mAsk not.\x1b[0m\n"
    )


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (8, "ask\x1b[90m not\x1b[0m"),
        (7, "…k\x1b[90m not\x1b[0m"),
        (4, "…\x1b[90mot\x1b[0m"),
        (1, "…\x1b[90m\x1b[0m"),
    ],
)
def test_a_wide_line_keeps_its_end(out: io.StringIO, columns: int, line: str) -> None:
    assert shown(LiveLine(out, lambda: columns), out, PARTIAL) == (
        "\x1b[?25l\r\x1b[K" + line
    )


def test_a_server_cannot_steer_the_terminal(out: io.StringIO) -> None:
    evil = FINAL.replace("Ask not.", "\\u001b[2J\\nboo")
    assert shown(PlainLines(out), out, evil) == " [2J boo\n"


def test_ideographs_take_two_columns(out: io.StringIO) -> None:
    wide = PARTIAL.replace('"ask not"', '"你好世界"').replace('"ask"', '"你"')
    assert shown(LiveLine(out, lambda: 8), out, wide).endswith(
        "\r\x1b[K…\x1b[90m好世界\x1b[0m"
    )


def test_a_live_line_follows_the_terminals_width(out: io.StringIO) -> None:
    widths = iter((80, 5))
    text = shown(LiveLine(out, lambda: next(widths)), out, PARTIAL, PARTIAL)
    assert text.endswith("\r\x1b[Kask\x1b[90m not\x1b[0m\r\x1b[K…\x1b[90mnot\x1b[0m")


def test_closing_a_live_line_leaves_finals_and_the_cursor(out: io.StringIO) -> None:
    live = LiveLine(out, lambda: 80)
    live.close()
    assert out.getvalue() == ""
    shown(live, out, FINAL, PARTIAL)
    live.close()
    live.close()
    assert out.getvalue().endswith(" not\x1b[0m\r\x1b[K\x1b[?25h")


def test_a_note_stands_above_the_live_line(
    out: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    live = LiveLine(out, lambda: 80)
    shown(live, out, PARTIAL)
    live.note("gone")
    assert capsys.readouterr().err == "whispercpp-ws: gone\n"
    assert out.getvalue().endswith("\r\x1b[K\r\x1b[Kask\x1b[90m not\x1b[0m")


def test_only_finals_and_warnings_are_written_for_a_reader(
    out: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(FinalLines(out), out, *ALL) == "Ask not.\n"
    assert capsys.readouterr().err == "whispercpp-ws: slow\n"


def test_captions_are_complete_cues(out: io.StringIO) -> None:
    second = FINAL.replace('"utterance":1', '"utterance":2')
    captions = SrtCues(out)
    captions.note("not a cue")
    assert shown(captions, out, *ALL[:4], second) == (
        "1\n00:00:00,500 --> 00:00:01,500\nAsk not.\n\n"
        "2\n00:00:00,500 --> 00:00:01,500\nAsk not.\n\n"
    )


def test_several_displays_show_the_same_and_note_it_once(
    out: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    both = Several([PlainLines(out), JsonLines(out)])
    assert shown(both, out, FINAL) == f"Ask not.\n{FINAL}\n"
    both.note("gone")
    both.close()
    assert capsys.readouterr().err == "whispercpp-ws: gone\n"


@pytest.mark.parametrize(
    ("seconds", "last"), [(20.0, "100 % (20.0 of"), (None, "100 % (2.0 of")]
)
def test_progress_follows_the_times_of_messages(
    seconds: float | None, last: str, out: io.StringIO
) -> None:
    progress = Progress(ProgressBar(out, unit="s", scale=1), "a.wav", seconds)
    text = shown(progress, out, READY, PARTIAL, FINAL, END)
    progress.note("not here")
    progress.close()
    assert last in text


def test_no_color_is_respected(
    out: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[90m" not in shown(live_line(out), out, PARTIAL)
