"""`mic` captions what is said, in a terminal as people see it and for programs."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import web

from tests.cli.recorded_mic import open_recorded
from tests.cli.terminal import ROOT, Terminal
from tests.scripted_server import (
    END,
    ERROR,
    FINAL,
    PARTIAL,
    READY,
    WARNING,
    Script,
    playing,
    received_until_end,
    serving,
)
from whispercpp_ws.cli import main, mic
from whispercpp_ws.cli.converse import Service
from whispercpp_ws.cli.mic import caption
from whispercpp_ws.client.client import Message
from whispercpp_ws.client.microphone import Device
from whispercpp_ws.events import Ready


MIC = ("-m", "tests.cli.recorded_mic", "mic", "--url")
LONG = PARTIAL.replace('"ask not"', f'"{"very " * 20}long"').replace('"ask"', '""')
CHINESE = PARTIAL.replace('"ask not"', f'"{"你好世界" * 8}完"').replace('"ask"', '"你"')


def saying(frames: list[str | bytes], *texts: str) -> Script:
    """Send the texts at once, and a final after `end`."""

    async def script(socket: web.WebSocketResponse) -> None:
        await socket.send_str(READY)
        for text in texts:
            await socket.send_str(text)
        frames.extend(await received_until_end(socket))
        await socket.send_str(FINAL)
        await socket.send_str(END)

    return script


async def in_terminal(
    look: Callable[[Terminal], None], url: str, *, words: tuple[str, ...] = MIC
) -> None:
    """Run `mic` in a terminal and look at it, while the server goes on."""

    def watch() -> None:
        with Terminal(*words, url) as terminal:
            look(terminal)

    await asyncio.to_thread(watch)


async def test_grey_text_becomes_bright_in_its_place_and_ctrl_c_ends_politely(
    jfk_pcm: bytes,
) -> None:
    frames: list[str | bytes] = []

    def look(terminal: Terminal) -> None:
        terminal.until(lambda: "ask not" in terminal.lines()[-1])
        row = len(terminal.lines()) - 1
        assert terminal.colours(row)[:2] == [
            ("ask", "default", False),
            (" not", "brightblack", False),
        ]
        assert terminal.screen.cursor.hidden
        assert not terminal.echoes()
        terminal.type("\x03")
        assert terminal.status() == 0
        assert terminal.echoes()
        assert terminal.lines()[row:] == ["Ask not."]
        assert terminal.colours(row) == [("Ask not.", "default", True)]
        assert not terminal.screen.cursor.hidden
        assert terminal.screen.cursor.x == 0

    async with serving(saying(frames, PARTIAL)) as url:
        await in_terminal(look, url)
    pcm = b"".join(frame for frame in frames if isinstance(frame, bytes))
    assert pcm == jfk_pcm


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (LONG, "…" + ("very " * 20 + "long")[-38:]),
        (CHINESE, "…" + ("你好世界" * 8 + "完")[-19:]),
    ],
)
async def test_a_long_line_stays_one_line_and_leaves_nothing_behind(
    text: str, shown: str
) -> None:
    def look(terminal: Terminal) -> None:
        terminal.until(lambda: terminal.lines()[-1].startswith("…"))
        # pyte keeps an empty cell behind a wide character.
        assert terminal.lines()[-1] == shown
        before = len(terminal.lines())
        terminal.type("\x03")
        assert terminal.status() == 0
        assert terminal.lines()[before - 1 :] == ["Ask not."]

    async with serving(saying([], text, text)) as url:
        await in_terminal(look, url)


async def test_a_narrower_terminal_gets_a_shorter_line() -> None:
    resized = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def script(socket: web.WebSocketResponse) -> None:
        await socket.send_str(READY)
        await socket.send_str(LONG)
        await resized.wait()
        await socket.send_str(LONG)
        await received_until_end(socket)
        await socket.send_str(END)

    def look(terminal: Terminal) -> None:
        terminal.until(lambda: terminal.lines()[-1].startswith("…"))
        terminal.resize(20, 8)
        loop.call_soon_threadsafe(resized.set)
        shorter = "…" + ("very " * 20 + "long")[-18:]
        terminal.until(lambda: terminal.lines()[-1] == shorter)
        terminal.type("\x03")
        assert terminal.status() == 0
        assert not any("very" in line for line in terminal.lines())

    async with serving(script) as url:
        await in_terminal(look, url)


async def test_a_second_ctrl_c_does_not_wait_and_gives_the_cursor_back() -> None:
    ended = asyncio.Event()
    over = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def script(socket: web.WebSocketResponse) -> None:
        await socket.send_str(READY)
        await socket.send_str(PARTIAL)
        await received_until_end(socket)
        ended.set()
        await over.wait()

    def look(terminal: Terminal) -> None:
        terminal.until(lambda: "ask not" in terminal.lines()[-1])
        terminal.type("\x03")
        asyncio.run_coroutine_threadsafe(ended.wait(), loop).result(30)
        terminal.type("\x03")
        assert terminal.status() == 130
        assert not terminal.screen.cursor.hidden
        assert not any("ask" in line for line in terminal.lines())
        loop.call_soon_threadsafe(over.set)

    async with serving(script) as url:
        await in_terminal(look, url)


async def test_an_error_is_one_sentence_and_gives_the_cursor_back() -> None:
    def look(terminal: Terminal) -> None:
        assert terminal.status() == 1
        assert terminal.lines()[-1] == "whispercpp-ws: model: no such model"
        assert not terminal.screen.cursor.hidden

    async with serving(saying([], PARTIAL, ERROR)) as url:
        await in_terminal(look, url)


class Sigint:
    """A display that stops the command as soon as the session is there."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def show(self, message: Message) -> None:
        self.shown.append(message.text)
        if isinstance(message.event, Ready):
            os.kill(os.getpid(), signal.SIGINT)

    def note(self, text: str) -> None:
        self.shown.append(text)

    def close(self) -> None: ...


async def test_the_signal_handlers_are_as_before_afterwards() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    display = Sigint()
    async with serving(playing(FINAL, END)) as url:
        await caption(Service(url), open_recorded, display)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert display.shown[0] == "listening to a file; Ctrl-C ends"
    assert display.shown[1:] == [READY, FINAL, END]


async def piped(url: str, *flags: str) -> tuple[int, str, str]:
    """Run the command without a terminal, and stop it when it listens."""
    words = ("-m", "tests.cli.recorded_mic", "mic", "--url", url, *flags)
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdout=PIPE, stderr=PIPE, cwd=ROOT
    )
    assert process.stderr is not None
    listening = await process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), (listening + err).decode()


async def test_without_a_terminal_finals_are_plain_lines() -> None:
    async with serving(playing(PARTIAL, WARNING, FINAL, END)) as url:
        status, out, err = await piped(url)
    assert (status, out) == (0, "Ask not.\n")
    assert err.splitlines() == [
        "whispercpp-ws: listening to a file; Ctrl-C ends",
        "whispercpp-ws: slow",
    ]


async def test_json_is_every_message_as_it_came() -> None:
    async with serving(playing(PARTIAL, FINAL, END)) as url:
        status, out, _ = await piped(url, "--json")
    assert status == 0
    assert out.splitlines() == [READY, PARTIAL, FINAL, END]


async def test_captions_are_written_beside_the_display(tmp_path: Path) -> None:
    file = tmp_path / "out.srt"
    async with serving(playing(FINAL, END)) as url:
        status, out, _ = await piped(url, "--srt", str(file))
    assert (status, out) == (0, "Ask not.\n")
    text = file.read_text(encoding="utf-8")
    assert text == "1\n00:00:00,500 --> 00:00:01,500\nAsk not.\n\n"


async def test_flags_reach_the_server_and_the_microphone(tmp_path: Path) -> None:
    frames: list[str | bytes] = []
    (tmp_path / "token").write_text("t0k\n", encoding="utf-8")
    flags = ("--lang", "ru", "--translate", "--device", "USB")
    async with serving(saying(frames)) as url:
        status, _, err = await piped(
            url.removesuffix("/stt"), "--token-file", str(tmp_path / "token"), *flags
        )
    assert status == 0
    assert "listening to USB" in err
    start = json.loads(frames[0])
    assert start.items() >= {"lang": "ru", "translate": True, "token": "t0k"}.items()
    assert start["rate"] == 16_000


async def test_speech_that_nobody_took_is_told() -> None:
    display = Sigint()
    microphone = open_recorded()
    microphone._waiting.lost_blocks = 25
    async with serving(playing(END)) as url:
        await caption(Service(url), lambda: microphone, display)
    assert display.shown[-1] == "1.5 s were lost while no server answered"


async def test_a_microphone_that_stops_is_told_after_the_last_final() -> None:
    def look(terminal: Terminal) -> None:
        assert terminal.status() == 1
        assert terminal.lines()[2:] == [
            "Ask not.",
            "whispercpp-ws: a file has stopped record",
            "ing; is it unplugged?",
        ]

    words = (*MIC[:2], "ends", *MIC[2:])
    async with serving(playing(FINAL, END)) as url:
        await in_terminal(look, url, words=words)


def test_captions_that_cannot_be_written_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mic", "--srt", str(tmp_path)]) == 2
    assert "--srt: expected a file that can be written" in capsys.readouterr().err


def test_microphones_are_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    devices = [Device(0, "Line", 44_100, False), Device(7, "USB", 48_000, True)]
    monkeypatch.setattr(mic, "input_devices", lambda: devices)
    assert main(["mic", "--list-devices"]) == 0
    assert capsys.readouterr().out == "   0  Line, 44100 Hz\n*  7  USB, 48000 Hz\n"
