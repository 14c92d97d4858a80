"""`stream` sends a file and shows what comes back, at the same time."""

import asyncio
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
from aiohttp import web

from tests.cli.terminal import Terminal
from tests.scripted_server import (
    END,
    ERROR,
    FINAL,
    PARTIAL,
    READY,
    Script,
    playing,
    received_until_end,
    serving,
)
from whispercpp_ws.cli import main
from whispercpp_ws.cli.converse import Service
from whispercpp_ws.cli.messages import LiveLine
from whispercpp_ws.cli.stream import StreamJob, display, stream_file
from whispercpp_ws.client.client import Message
from whispercpp_ws.events import Partial


@contextmanager
def server(script: Script) -> Iterator[str]:
    """Run a scripted server in its own loop, for a command that makes its own."""
    urls: list[str] = []
    ready, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        async with serving(script) as url:
            urls.append(url)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield urls[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def test_finals_are_printed_and_the_status_is_zero(
    jfk_wav: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with server(playing(PARTIAL, FINAL, END)) as url:
        assert main(["stream", str(jfk_wav), "--url", url, "--fast"]) == 0
    assert capsys.readouterr().out == "~ ask not\nAsk not.\n"


def test_json_prints_every_message_as_it_came(
    jfk_wav: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with server(playing(FINAL, END)) as url:
        assert main(["stream", str(jfk_wav), "--url", url, "--fast", "--json"]) == 0
    assert capsys.readouterr().out.splitlines() == [READY, FINAL, END]


def test_the_file_is_sent_in_chunks_of_the_length_asked_for(jfk_wav: Path) -> None:
    frames: list[str | bytes] = []

    async def script(socket: web.WebSocketResponse) -> None:
        frames.extend(await received_until_end(socket))
        await socket.send_str(END)

    with server(script) as url:
        argv = ["stream", str(jfk_wav), "--url", url, "--fast", "--lang", "en"]
        assert main([*argv, "--chunk-ms", "250"]) == 0
    start, *audio, end = frames
    assert json.loads(start)["rate"] == 16_000
    assert json.loads(start)["lang"] == "en"
    assert json.loads(end) == {"op": "end"}
    assert [len(a) for a in audio] == [8000] * 44
    pcm = b"".join(frame for frame in audio if isinstance(frame, bytes))
    assert jfk_wav.read_bytes().endswith(pcm)


class Recorder:
    """A display that says when a message was shown."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.partial_shown = asyncio.Event()

    def show(self, message: Message) -> None:
        self.shown.append(message.text)
        if isinstance(message.event, Partial):
            self.partial_shown.set()

    def note(self, text: str) -> None:
        raise AssertionError(text)

    def close(self) -> None: ...


async def test_partials_are_shown_while_audio_is_still_sent(jfk_wav: Path) -> None:
    recorder = Recorder()
    audio_frames = 0

    async def script(socket: web.WebSocketResponse) -> None:
        nonlocal audio_frames
        await socket.receive()
        while not recorder.partial_shown.is_set():
            await socket.receive()
            audio_frames += 1
            await socket.send_str(PARTIAL)
        await socket.send_str(END)

    async with serving(script) as url:
        job = StreamJob(jfk_wav, Service(url), chunk_ms=10)
        await stream_file(job, recorder)
    assert recorder.shown[0] == PARTIAL
    assert recorder.shown[-1] == END
    assert audio_frames < 11_000 / 10


def test_an_error_frame_is_told_and_the_status_is_one(
    jfk_wav: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with server(playing(ERROR)) as url:
        assert main(["stream", str(jfk_wav), "--url", url, "--fast", "--json"]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines() == [READY, ERROR]
    assert err == "whispercpp-ws: model: no such model\n"


def test_a_lost_connection_is_told_and_the_status_is_one(
    jfk_wav: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with server(playing(FINAL)) as url:
        assert main(["stream", str(jfk_wav), "--url", url, "--fast"]) == 1
    assert "was lost before the end of the session" in capsys.readouterr().err


def test_no_server_is_one_sentence(
    jfk_wav: Path, capsys: pytest.CaptureFixture[str], unused_tcp_port: int
) -> None:
    url = f"ws://127.0.0.1:{unused_tcp_port}/stt"
    assert main(["stream", str(jfk_wav), "--url", url]) == 1
    assert f"no server answers at {url}" in capsys.readouterr().err


def test_a_damaged_file_is_sent_as_far_as_it_goes(
    jfk_wav: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "a.flac"
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, 200_000)
    soundfile.write(file, noise, 16_000)
    content = file.read_bytes()
    half = len(content) // 2
    file.write_bytes(content[:half] + bytes(half))
    with server(playing(FINAL, END)) as url:
        assert main(["stream", str(file), "--url", url, "--fast"]) == 1
    out, err = capsys.readouterr()
    assert out == "Ask not.\n"
    assert "cannot be read" in err


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--chunk-ms", "0"], "--chunk-ms: expected a whole number from 10 to 5000"),
        (["--lang", "English"], "--lang: expected an ISO 639-1 code"),
        (["--token-file", "absent"], "--token-file: expected a readable file"),
    ],
)
def test_a_bad_flag_is_named(
    flags: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stream", "a.wav", *flags]) == 2
    assert named in capsys.readouterr().err


@pytest.mark.parametrize("source", ["file", "environment"])
def test_a_token_comes_from_a_file_or_the_environment(
    source: str,
    jfk_wav: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frames: list[str | bytes] = []

    async def script(socket: web.WebSocketResponse) -> None:
        frames.extend(await received_until_end(socket))
        await socket.send_str(END)

    (tmp_path / "token").write_text("t0k\n", encoding="utf-8")
    flags = ["--token-file", str(tmp_path / "token")] if source == "file" else []
    if source == "environment":
        monkeypatch.setenv("WHISPERCPP_WS_TOKEN", "t0k")
    with server(script) as url:
        assert main(["stream", str(jfk_wav), "--url", url, "--fast", *flags]) == 0
    assert json.loads(frames[0])["token"] == "t0k"


def test_a_terminal_gets_the_live_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert isinstance(display(), LiveLine)


def test_a_terminal_shows_finals_in_place_of_partials(jfk_wav: Path) -> None:
    with server(playing(PARTIAL, FINAL, END)) as url:
        words = ("-m", "whispercpp_ws", "stream", str(jfk_wav), "--fast")
        with Terminal(*words, "--url", url) as terminal:
            assert terminal.status() == 0
            assert terminal.lines() == ["Ask not."]
            assert b"ask\x1b[90m not" in terminal.raw
            assert not terminal.screen.cursor.hidden


def test_ctrl_c_is_status_130_and_gives_the_cursor_back(jfk_wav: Path) -> None:
    async def script(socket: web.WebSocketResponse) -> None:
        await socket.send_str(READY)
        await socket.send_str(PARTIAL)
        await received_until_end(socket)

    with server(script) as url:
        words = ("-m", "whispercpp_ws", "stream", str(jfk_wav), "--url", url)
        with Terminal(*words) as terminal:
            terminal.until(lambda: terminal.lines()[-1] == "ask not")
            terminal.type("\x03")
            assert terminal.status() == 130
            assert terminal.lines() == [""]
            assert not terminal.screen.cursor.hidden
            assert terminal.echoes()


def test_a_bar_is_shown_where_text_goes_elsewhere(
    jfk_wav: Path, tmp_path: Path
) -> None:
    with server(playing(PARTIAL, FINAL, END)) as url:
        words = ("-m", "whispercpp_ws", "stream", str(jfk_wav), "--fast")
        flags = ("--output-dir", str(tmp_path), "--url", url)
        # A screen of 40 columns would wrap the bar.
        with Terminal(*words, *flags, columns=80) as terminal:
            assert terminal.status() == 0
            bar = "jfk.wav [####################] 100 % (11.0 of 11.0 s)"
            assert terminal.lines() == [bar]
    assert (tmp_path / "jfk.txt").read_text(encoding="utf-8") == "Ask not.\n"


def test_many_files_are_sent_in_turn_and_a_bad_one_is_told(
    jfk_wav: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("b.wav", "a.wav"):
        shutil.copy(jfk_wav, tmp_path / name)
    (tmp_path / "c.wav").write_text("no audio", encoding="utf-8")
    pattern, absent = str(tmp_path / "*.wav"), str(tmp_path / "absent")
    with server(playing(FINAL, END)) as url:
        argv = ["stream", absent, pattern, "--fast", "--url", url]
        assert main(argv) == 1
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        f"==> {absent} <==",
        f"==> {tmp_path}/a.wav <==",
        "Ask not.",
        f"==> {tmp_path}/b.wav <==",
        "Ask not.",
        f"==> {tmp_path}/c.wav <==",
    ]
    first, second, last = err.splitlines()
    assert first == f"whispercpp-ws: {absent}: no such file"
    assert "c.wav: expected a WAV, FLAC, OGG or MP3 file" in second
    assert last == f"whispercpp-ws: 2 of 4 files failed: {absent}, {tmp_path}/c.wav"


def test_each_file_gets_its_messages_in_the_folder(
    jfk_wav: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Path(shutil.copy(jfk_wav, tmp_path / "other.wav"))
    files = [str(jfk_wav), str(other)]
    with server(playing(PARTIAL, FINAL, END)) as url:
        flags = ["--fast", "--json", "--output-dir", str(tmp_path), "--url", url]
        assert main(["stream", *files, *flags]) == 0
    assert capsys.readouterr().out == ""
    for name in ("jfk.jsonl", "other.jsonl"):
        lines = (tmp_path / name).read_text(encoding="utf-8").splitlines()
        assert lines == [READY, PARTIAL, FINAL, END]


@pytest.mark.parametrize("is_wav", [True, False])
def test_the_standard_input_is_sent_as_it_comes(
    is_wav: bool, jfk_wav: Path, jfk_pcm: bytes
) -> None:
    frames: list[str | bytes] = []

    async def script(socket: web.WebSocketResponse) -> None:
        await socket.send_str(READY)
        frames.extend(await received_until_end(socket))
        await socket.send_str(FINAL)
        await socket.send_str(END)

    raw = [] if is_wav else ["--rate", "8000", "--channels", "2", "--format", "s16le"]
    with server(script) as url:
        done = subprocess.run(
            [sys.executable, "-m", "whispercpp_ws", "stream", "-", "--url", url, *raw],
            input=jfk_wav.read_bytes() if is_wav else jfk_pcm,
            capture_output=True,
        )
    assert (done.returncode, done.stdout) == (0, b"Ask not.\n")
    start = json.loads(frames[0])
    assert (start["rate"], start["channels"]) == ((16_000, 1) if is_wav else (8_000, 2))
    assert b"".join(f for f in frames if isinstance(f, bytes)) == jfk_pcm


def test_typing_into_it_is_a_standard_input_too(tmp_path: Path) -> None:
    with server(playing(FINAL, END)) as url:
        words = ("-m", "whispercpp_ws", "stream", "-", "--output-dir", str(tmp_path))
        with Terminal(*words, "--url", url) as terminal:
            terminal.type("\x04")
            assert terminal.status() == 0
    assert (tmp_path / "stdin.txt").read_text(encoding="utf-8") == "Ask not.\n"


def test_the_pace_of_the_standard_input_is_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["stream", "-", "--realtime"]) == 2
    assert "--realtime: the standard input is sent as" in capsys.readouterr().err


def test_help_has_examples_and_the_exit_status(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for command in ("stream", "mic", "transcribe"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        text = capsys.readouterr().out
        assert f"examples:\n  whispercpp-ws {command}" in text
        assert "130  Ctrl-C" in text


def test_a_lost_connection_is_taken_up_and_told_above_the_text(
    jfk_wav: Path, jfk_pcm: bytes
) -> None:
    connections: list[list[str | bytes]] = []

    async def script(socket: web.WebSocketResponse) -> None:
        is_first = not connections
        connections.append([(await socket.receive()).data])
        await socket.send_str(READY)
        if is_first:
            await socket.send_str(PARTIAL)
            await socket.close(code=1012)
            return
        connections[-1] += await received_until_end(socket)
        await socket.send_str(FINAL)
        await socket.send_str(END)

    with server(script) as url:
        words = ("-m", "whispercpp_ws", "stream", str(jfk_wav), "--fast", "--url", url)
        with Terminal(*words, columns=240) as terminal:
            assert terminal.status() == 0
            lost, again, text = terminal.lines()
    assert "was lost before the end" in lost
    assert "connected again; the server goes on at 0.0 s" in again
    assert text == "Ask not."
    start, *rest = connections[-1]
    assert json.loads(start)["resume"] == "s1"
    assert b"".join(f for f in rest if isinstance(f, bytes)) == jfk_pcm
