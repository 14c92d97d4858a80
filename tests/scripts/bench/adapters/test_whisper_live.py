import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import WSMsgType, web

from scripts.bench.adapters.environment import Environment
from scripts.bench.adapters.process import BenchError
from scripts.bench.adapters.whisper_live import (
    AudioEnd,
    Patience,
    Received,
    WhisperLive,
    as_timeline,
    failure_of,
    options,
    segments_of,
    stream_to,
)
from scripts.bench.audio import StreamAudio
from scripts.bench.timeline import Timeline
from tests.scripts.bench.adapters.socket_server import Part, acting, pretending


AUDIO = StreamAudio(np.zeros(2_400, "<i2").tobytes(), 16_000, 1, 0.0, 0.15)
READY = {"message": "SERVER_READY", "backend": "faster_whisper"}
DISCONNECT = {"message": "DISCONNECT"}
HASTY = Patience(quiet_s=0.0, give_up_s=0.2)
SERVER = f"""
import json
from aiohttp import web

async def stream(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.receive()
    await socket.send_json({{"message": FIRST, "status": STATUS}})
    done = {json.dumps({"start": "0", "end": "1", "text": " ask", "completed": True})!r}
    await socket.send_json({{"segments": [json.loads(done)]}})
    async for message in socket:
        if message.data == b"END_OF_AUDIO":
            break
    return socket

app = web.Application()
app.router.add_get("/", stream)
web.run_app(app, host="127.0.0.1", port=PORT)
"""


def segment(
    start_s: float, end_s: float, text: str, *, done: bool = True
) -> dict[str, object]:
    """A segment as the server writes it."""
    times = {"start": f"{start_s:.3f}", "end": f"{end_s:.3f}"}
    return {**times, "text": f" {text}", "completed": done}


def heard(*updates: tuple[float, list[dict[str, object]]]) -> Received:
    """What a client has who got these segments at these times."""
    received = Received()
    for at_s, segments in updates:
        received.take(at_s, {"uid": "u", "segments": segments})
    return received


def timeline(*updates: tuple[float, list[dict[str, object]]]) -> Timeline:
    return as_timeline([], heard(*updates), 9.0)


ASK = segment(0.0, 1.0, "ask not")
OPEN = segment(1.0, 1.5, "what", done=False)
LONGER = segment(1.0, 2.0, "what your", done=False)
WHAT = segment(1.0, 2.0, "what your country")


def test_times_are_text_and_texts_begin_with_a_space() -> None:
    (found,) = segments_of({"segments": [ASK]})
    assert (found.start_s, found.end_s, found.text) == (0.0, 1.0, "ask not")
    assert found.is_completed


def test_other_messages_have_no_segments() -> None:
    assert segments_of({"uid": "u", "language": "en", "language_prob": 0.9}) == ()


def test_a_completed_segment_is_settled_once_when_it_first_comes() -> None:
    found = timeline((2.0, [ASK]), (3.0, [ASK, OPEN]), (4.0, [ASK, WHAT]))
    assert [(text.at_s, text.text) for text in found.settled] == [
        (2.0, "ask not"),
        (4.0, "what your country"),
    ]
    assert found.settled[1].start_s == 1.0
    assert found.text == "ask not what your country"


def test_a_list_that_slides_on_settles_only_what_is_new() -> None:
    found = timeline((2.0, [ASK, WHAT]), (3.0, [WHAT, segment(2, 3, "can")]))
    assert found.text == "ask not what your country can"


def test_the_same_words_said_twice_are_settled_twice() -> None:
    found = timeline((2.0, [segment(0, 1, "no")]), (3.0, [segment(1, 2, "no")]))
    assert found.text == "no no"


def test_an_open_segment_has_the_number_it_will_be_completed_with() -> None:
    found = timeline((2.0, [ASK, OPEN]), (3.0, [ASK, LONGER]), (4.0, [ASK, WHAT]))
    assert [(text.text, text.utterance) for text in found.shown] == [
        ("what", 2),
        ("what your", 2),
    ]
    assert found.settled[1].utterance == 2


def test_text_that_is_open_in_the_end_was_never_completed() -> None:
    received = heard((2.0, [ASK, OPEN]))
    received.end()
    assert received.failure == "never completed: what"
    assert as_timeline([], received, 9.0).text == "ask not"


def test_nothing_open_in_the_end_is_no_failure() -> None:
    received = heard((2.0, [ASK, OPEN]), (3.0, [ASK, WHAT]))
    received.end()
    received.take_close(1000)
    assert received.failure == ""


def test_a_close_before_the_end_is_a_failure() -> None:
    received = heard((2.0, [ASK]))
    received.take_close(1006)
    assert received.failure == "closed with 1006 before the end"


END = AudioEnd(sent_s=4.0, sound_s=2.5)


def test_a_client_waits_for_an_open_text_to_be_completed() -> None:
    received = heard((3.0, [ASK, OPEN]))
    assert not received.is_over(20.0, END)
    assert received.is_over(34.0, END)


def test_a_client_leaves_when_all_is_completed_and_quiet() -> None:
    received = heard((6.0, [ASK, WHAT]))
    assert not received.is_over(10.9, END)
    assert received.is_over(11.0, END)


def test_completed_text_that_ends_early_may_be_followed_by_more() -> None:
    received = heard((3.0, [segment(0.0, 0.9, "ask")]))
    assert not received.is_over(20.0, END)


def test_without_a_sound_there_is_no_text_to_wait_for() -> None:
    assert AudioEnd.of(AUDIO, HASTY) == AudioEnd(0.15, None, HASTY)
    assert Received().is_over(9.0, AudioEnd(4.0, None))


def test_a_failure_ends_the_waiting() -> None:
    assert Received(failure="full").is_over(0.0, END)


@pytest.mark.parametrize(
    ("told", "failure"),
    [
        ({"status": "WAIT", "message": 2.5}, "the server is full for 2.5 min"),
        ({"status": "ERROR", "message": "no model"}, "no model"),
        (DISCONNECT, "the server ended a connection that it found too long"),
        ({"status": "WARNING", "message": "slow"}, ""),
        (READY, ""),
    ],
)
def test_messages_say_what_went_wrong(told: dict[str, Any], failure: str) -> None:
    assert failure_of(told) == failure


def test_the_language_is_asked_for_unless_it_is_to_be_detected() -> None:
    assert options("ru")["language"] == "ru"
    assert options("auto")["language"] is None
    assert options("ru")["uid"] != options("ru")["uid"]


def speaking(*messages: dict[str, Any], frames: list[bytes]) -> Part:
    """Play the server: say these things once audio comes, and note the audio."""

    async def part(_: web.Request, socket: web.WebSocketResponse) -> None:
        await socket.receive()
        await socket.send_json(READY)
        async for message in socket:
            assert message.type is WSMsgType.BINARY
            if message.data == b"END_OF_AUDIO":
                break
            if not frames:
                for told in messages:
                    await socket.send_json(told)
            frames.append(message.data)

    return part


async def test_a_clip_is_sent_as_float32_and_its_texts_are_noted() -> None:
    frames: list[bytes] = []
    told = {"segments": [ASK, OPEN]}, {"segments": [ASK, WHAT]}
    async with acting(speaking(*told, frames=frames)) as url:
        found = await stream_to(url, AUDIO, "en", HASTY)
    assert (found.text, found.failure) == ("ask not what your country", "")
    assert [text.text for text in found.shown] == ["what"]
    assert b"".join(frames)[:9_600] == bytes(9_600)


async def test_silence_follows_until_the_client_gives_up() -> None:
    frames: list[bytes] = []
    told = {"segments": [ASK, OPEN]}
    async with acting(speaking(told, frames=frames)) as url:
        found = await stream_to(url, AUDIO, "en", HASTY)
    assert found.failure == "never completed: what"
    assert {len(frame) for frame in frames[3:]} == {3_840}


async def test_a_disconnect_ends_the_stream_with_what_there_is() -> None:
    told = {"segments": [ASK]}, DISCONNECT
    async with acting(speaking(*told, frames=[])) as url:
        found = await stream_to(url, AUDIO, "en")
    assert found.text == "ask not"
    assert "too long" in found.failure


async def test_a_full_server_is_a_failure() -> None:
    async def part(_: web.Request, socket: web.WebSocketResponse) -> None:
        await socket.receive()
        await socket.send_json({"status": "WAIT", "message": 3})

    async with acting(part) as url:
        assert "is full" in (await stream_to(url, AUDIO, "en")).failure


async def test_a_close_instead_of_ready_is_a_failure() -> None:
    async def part(_: web.Request, socket: web.WebSocketResponse) -> None:
        await socket.receive()

    async with acting(part) as url:
        assert "got CLOSE" in (await stream_to(url, AUDIO, "en")).failure


async def test_a_refused_connection_is_a_failure() -> None:
    assert (await stream_to("http://127.0.0.1:1/", AUDIO, "en")).failure


def server_in(tmp_path: Path, script: str) -> WhisperLive:
    python = tmp_path / "python"
    python.write_text(pretending("whisper-live 9", script))
    python.chmod(0o755)
    (tmp_path / "model.bin").touch()
    return WhisperLive(Environment(python, tmp_path), tmp_path / "log")


async def test_the_server_is_started_measured_and_ended(tmp_path: Path) -> None:
    first = "FIRST, STATUS = 'SERVER_READY', ''"
    server = server_in(tmp_path, first + SERVER)
    await server.start()
    try:
        assert server.usage().memory_bytes > 0
    finally:
        await server.stop()
    assert server.build == "whisper-live 9"
    assert await server.counters() == {}
    assert server.has_finals


async def test_a_model_that_does_not_load_is_an_error(tmp_path: Path) -> None:
    server = server_in(tmp_path, "FIRST, STATUS = 'no model', 'ERROR'" + SERVER)
    with pytest.raises(BenchError, match="no model"):
        await server.start()


async def test_a_server_is_used_only_once_started(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="started"):
        WhisperLive(Environment(tmp_path, tmp_path), tmp_path).usage()
