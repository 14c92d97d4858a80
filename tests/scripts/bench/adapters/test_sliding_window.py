from pathlib import Path

import pytest
from aiohttp import WSMsgType, web

from scripts.bench.adapters.environment import Environment
from scripts.bench.adapters.process import BenchError
from scripts.bench.adapters.sliding_window import (
    SlidingWindow,
    as_timeline,
    continued,
    merged,
    stream_to,
)
from scripts.bench.audio import StreamAudio
from scripts.bench.timeline import SentFrame
from tests.scripts.bench.adapters.socket_server import acting, pretending
from tests.scripts.bench.lines import sound


AUDIO = StreamAudio(bytes(4_800), 16_000, 1, 0.0, 0.15)
SERVER = """
from aiohttp import web

async def stream(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.data == "end":
            await socket.send_json({"text": " ".join(sys.argv[2:3])})
            break
    return socket

app = web.Application()
app.router.add_get("/", stream)
web.run_app(app, host="127.0.0.1", port=PORT)
"""


def test_windows_that_still_have_the_whole_stream_replace_each_other() -> None:
    assert merged(["Thank you.", "and so my", "And so, my fellow"]) == (
        "And so, my fellow"
    )


def test_later_windows_continue_where_they_agree_with_the_one_before() -> None:
    windows = [
        "",
        "",
        "",
        "And so my fellow Americans ask",
        "fellow Americans, ask not",
    ]
    assert merged(windows) == "And so my fellow Americans, ask not"


def test_a_window_begins_with_half_a_word_that_is_not_kept() -> None:
    words = "one two three four".split()
    found = continued(words, 4, ["two", "hree", "four", "five"])
    assert found == ["one", "two", "hree", "four", "five"]
    assert continued(words, 3, ["ee", "four", "five"]) == [*words, "five"]


def test_only_words_of_the_window_before_are_looked_for() -> None:
    words = "no no yes yes".split()
    assert continued(words, 2, ["no", "more"]) == [*words, "no", "more"]


def test_a_silent_window_takes_nothing_away() -> None:
    assert merged(["", "", "", "", "one two", ""]) == "one two"
    assert merged([]) == ""


def test_every_window_is_shown_and_the_end_is_what_they_come_to() -> None:
    audio = sound(bytes(3_200))
    windows = [
        (2.5, "one"),
        (4.5, "one two"),
        (6.5, "one two"),
        (8.5, "two"),
        (9.0, ""),
    ]
    found = as_timeline([SentFrame(0.1, 0.1)], windows, audio, 9.5)
    assert [(text.at_s, text.text) for text in found.shown] == windows
    assert {text.utterance for text in found.shown} == {1}
    (settled,) = found.settled
    assert (settled.at_s, settled.text, settled.start_s) == (8.5, "two", audio.lead_s)


def test_a_stream_without_text_has_no_end() -> None:
    assert as_timeline([], [(2.5, "")], AUDIO, 3.0).settled == ()


async def test_audio_is_sent_as_16_khz_mono_and_ended_with_a_text() -> None:
    heard: list[bytes] = []
    asked: list[str] = []

    async def part(request: web.Request, socket: web.WebSocketResponse) -> None:
        asked.append(request.query["language"])
        async for message in socket:
            if message.type is not WSMsgType.BINARY:
                break
            heard.append(message.data)
        await socket.send_json({"text": "ask not"})

    audio = StreamAudio(bytes(2 * 2 * 1_200), 8_000, 2, 0.0, 0.15)
    async with acting(part) as url:
        found = await stream_to(url, audio, "auto")
    assert (found.text, found.failure, asked) == ("ask not", "", [""])
    assert len(b"".join(heard)) == 4_800
    assert len(found.sent) == 3


async def test_a_server_that_closes_early_is_a_failure() -> None:
    async def part(_: web.Request, socket: web.WebSocketResponse) -> None:
        await socket.close(code=1011)

    async with acting(part) as url:
        assert (await stream_to(url, AUDIO, "en")).failure == "closed with 1011"


async def test_a_refused_connection_is_a_failure() -> None:
    assert (await stream_to("http://127.0.0.1:1/", AUDIO, "en")).failure


async def test_the_server_is_started_measured_and_ended(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(pretending("faster-whisper 9", SERVER))
    python.chmod(0o755)
    (tmp_path / "model.bin").touch()
    server = SlidingWindow(Environment(python, tmp_path), tmp_path / "log")
    await server.start()
    try:
        assert (await server.stream(AUDIO, "en")).text == str(tmp_path)
        assert server.usage().memory_bytes > 0
    finally:
        await server.stop()
    assert server.build == "faster-whisper 9"
    assert await server.counters() == {}
    assert not server.has_finals


async def test_a_server_is_used_only_once_started(tmp_path: Path) -> None:
    server = SlidingWindow(Environment(tmp_path, tmp_path), tmp_path)
    with pytest.raises(RuntimeError, match="started"):
        server.usage()
    with pytest.raises(BenchError, match="--ct2"):
        await server.start()
