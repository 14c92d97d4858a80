"""`connect` is a session in a few lines: send, iterate, leave."""

import asyncio
import json
from array import array
from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp import web

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
    serving_http,
)
from whispercpp_ws.client import connect, live
from whispercpp_ws.client.backoff import Backoff
from whispercpp_ws.errors import (
    BadJson,
    ServiceError,
    Unauthorized,
    UnknownFormat,
    UnknownModel,
)
from whispercpp_ws.events import Final, Partial, Warned


async def no_wait(_seconds: float) -> None:
    await asyncio.sleep(0)


AT_ONCE = Backoff(tries=3, sleep=no_wait)


def noting(frames: list[str | bytes], *texts: str) -> Script:
    """Note what comes until `end`, then send the texts."""

    async def script(socket: web.WebSocketResponse) -> None:
        await socket.send_str(READY)
        frames.extend(await received_until_end(socket))
        for text in texts:
            await socket.send_str(text)

    return script


def ops(frames: list[str | bytes]) -> list[str]:
    return [json.loads(f)["op"] if isinstance(f, str) else "audio" for f in frames]


async def test_events_come_after_what_was_sent() -> None:
    async with serving(playing(PARTIAL, WARNING, FINAL, END)) as url:
        async with connect(url) as stt:
            await stt.send_audio(b"\0\0")
            await stt.end()
            kinds = [type(event) async for event in stt]
    assert kinds == [Partial, Warned, Final]


async def test_the_session_is_known_inside_the_block() -> None:
    async with serving(playing(END)) as url, connect(url) as stt:
        assert stt.ready.session_id == "s1"
        assert stt.ready.model == "base-q8_0"


async def test_an_address_without_a_path_is_enough() -> None:
    async with serving(playing(END)) as url:
        async with connect(url.removesuffix("/stt")) as stt:
            await stt.end()
            assert [event async for event in stt] == []


async def test_options_are_said_in_start() -> None:
    frames: list[str | bytes] = []
    async with serving(noting(frames, END)) as url:
        async with connect(
            url,
            token="t0k",
            lang="ru",
            model="tiny",
            prompt="Hm.",
            words=False,
            partials=False,
            translate=True,
            endpoint_ms=900,
            rate=8000,
            channels=2,
            format="mulaw",
        ) as stt:
            await stt.end()
            assert [event async for event in stt] == []
    assert json.loads(frames[0]) == {
        "op": "start",
        "format": "mulaw",
        "rate": 8000,
        "channels": 2,
        "lang": "ru",
        "model": "tiny",
        "words": False,
        "partials": False,
        "prompt": "Hm.",
        "translate": True,
        "endpoint_ms": 900,
        "token": "t0k",
    }


async def test_languages_to_choose_from_are_a_list() -> None:
    frames: list[str | bytes] = []
    async with serving(noting(frames, END)) as url:
        async with connect(url, lang=["ru", "en"]) as stt:
            await stt.set(lang=["de", "fr"], endpoint_ms=300)
            await stt.set(lang="uk")
    assert json.loads(frames[0])["lang"] == ["ru", "en"]
    assert [json.loads(frame) for frame in frames[1:3]] == [
        {"op": "set", "lang": ["de", "fr"], "endpoint_ms": 300},
        {"op": "set", "lang": "uk"},
    ]


async def test_an_unknown_format_is_named_before_anything_is_sent() -> None:
    with pytest.raises(UnknownFormat, match="format: expected one of pcm16le"):
        connect(format="opus")


async def test_audio_may_be_numbers_in_memory() -> None:
    frames: list[str | bytes] = []
    async with serving(noting(frames, END)) as url:
        async with connect(url) as stt:
            await stt.send_audio(memoryview(array("h", [1, 2])))
            await stt.send_audio(bytearray(b"\3\0"))
            await stt.hold()
            await stt.flush()
    assert ops(frames) == ["start", "audio", "audio", "hold", "flush", "end"]
    assert frames[1:3] == [array("h", [1, 2]).tobytes(), b"\3\0"]


@pytest.mark.parametrize("is_asynchronous", [True, False])
async def test_a_source_is_sent_in_the_background_and_ended(
    is_asynchronous: bool,
) -> None:
    frames: list[str | bytes] = []

    def blocks() -> Iterator[bytes]:
        yield from (b"\1\0", b"\2\0")

    async def slow_blocks() -> AsyncIterator[bytes]:
        for block in blocks():
            await asyncio.sleep(0)
            yield block

    async with serving(noting(frames, FINAL, END)) as url:
        async with connect(url) as stt:
            stt.send(slow_blocks() if is_asynchronous else blocks())
            assert [type(event) async for event in stt] == [Final]
    assert ops(frames) == ["start", "audio", "audio", "end"]


async def test_what_a_source_raises_is_raised_after_the_last_event() -> None:
    def broken() -> Iterator[bytes]:
        yield b"\1\0"
        raise OSError("unplugged")

    async with serving(playing(FINAL, END)) as url:
        with pytest.raises(OSError, match="unplugged"):
            async with connect(url) as stt:
                stt.send(broken())
                assert isinstance(await anext(stt), Final)
                await anext(stt)


async def test_what_a_source_raises_is_raised_on_leaving_at_the_latest() -> None:
    def broken() -> Iterator[bytes]:
        raise OSError("unplugged")
        yield

    async with serving(playing(FINAL, END)) as url:
        with pytest.raises(OSError, match="unplugged"):
            async with connect(url) as stt:
                stt.send(broken())
                assert isinstance(await anext(stt), Final)


async def test_a_second_source_or_audio_after_the_end_is_a_mistake() -> None:
    async with serving(playing(END)) as url, connect(url) as stt:
        stt.send([])
        with pytest.raises(RuntimeError, match="one send"):
            stt.send([])
        await stt.end()
        with pytest.raises(RuntimeError, match="before end"):
            await stt.send_audio(b"\0\0")


async def test_leaving_early_says_end_and_closes_with_1000() -> None:
    frames: list[str | bytes] = []
    codes: list[int | None] = []
    closed = asyncio.Event()

    async def script(socket: web.WebSocketResponse) -> None:
        await socket.send_str(READY)
        await socket.send_str(FINAL)
        frames.extend(await received_until_end(socket))
        await socket.receive()
        codes.append(socket.close_code)
        closed.set()

    async def forever() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.001)
            yield b"\0\0"

    async with serving(script) as url:
        async with connect(url) as stt:
            stt.send(forever())
            async for event in stt:
                assert isinstance(event, Final)
                break
        await asyncio.wait_for(closed.wait(), 10)
    assert ops(frames)[-1] == "end"
    assert codes == [1000]


async def test_an_exception_in_the_block_closes_and_goes_on_up() -> None:
    frames: list[str | bytes] = []
    closed = asyncio.Event()

    async def script(socket: web.WebSocketResponse) -> None:
        await socket.send_str(READY)
        frames.extend(await received_until_end(socket))
        closed.set()

    async with serving(script) as url:
        with pytest.raises(ZeroDivisionError):
            async with connect(url):
                raise ZeroDivisionError
        await asyncio.wait_for(closed.wait(), 10)
    assert ops(frames) == ["start"]


async def test_an_error_of_the_server_ends_the_iteration_with_it() -> None:
    async with serving(playing(FINAL, ERROR)) as url:
        with pytest.raises(UnknownModel, match="no such model"):
            async with connect(url) as stt:
                await stt.end()
                assert isinstance(await anext(stt), Final)
                await anext(stt)


async def test_a_refusal_is_raised_on_entering() -> None:
    async def refuse(_request: web.Request) -> web.Response:
        return web.Response(status=401)

    async with serving_http(refuse) as url:
        with pytest.raises(Unauthorized):
            async with connect(url):
                raise AssertionError("entered")


async def test_an_error_in_place_of_ready_is_raised_on_entering() -> None:
    async def script(socket: web.WebSocketResponse) -> None:
        await socket.receive()
        await socket.send_str(ERROR)

    async with serving(script) as url:
        with pytest.raises(UnknownModel):
            async with connect(url):
                raise AssertionError("entered")


@pytest.mark.parametrize("is_silent", [True, False])
async def test_a_server_that_is_none_of_ours_is_told(
    is_silent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(socket: web.WebSocketResponse) -> None:
        await socket.receive()
        if not is_silent:
            await socket.send_str(PARTIAL)
        await socket.receive()

    monkeypatch.setattr(live, "READY_TIMEOUT_S", 0.01 if is_silent else 30.0)
    async with serving(script) as url:
        with pytest.raises(
            ServiceError if is_silent else BadJson, match="expected `ready`"
        ):
            async with connect(url):
                raise AssertionError("entered")


async def test_a_lost_connection_is_taken_up_while_one_only_sends() -> None:
    connections: list[list[str | bytes]] = []

    async def script(socket: web.WebSocketResponse) -> None:
        await socket.send_str(READY)
        if not connections:
            connections.append([(await socket.receive()).data])
            await socket.receive()
            await socket.close(code=1012)
            return
        frames = await received_until_end(socket)
        connections.append(frames)
        await socket.send_str(FINAL)
        await socket.send_str(END)

    notes: list[str] = []
    async with serving(script) as url:
        async with connect(url, backoff=AT_ONCE, note=notes.append) as stt:
            for _ in range(100):
                await stt.send_audio(b"\1\0" * 160)
                await asyncio.sleep(0)
            await stt.end()
            assert [type(event) async for event in stt] == [Final]
    resumed = connections[1]
    assert json.loads(resumed[0])["resume"] == "s1"
    assert b"".join(f for f in resumed if isinstance(f, bytes)) == b"\1\0" * 16_000
    assert "connected again" in notes[-1]


async def test_a_session_that_is_over_takes_no_audio() -> None:
    async def script(socket: web.WebSocketResponse) -> None:
        await socket.send_str(READY)
        await socket.send_str(ERROR)

    async with serving(script) as url, connect(url) as stt:
        with pytest.raises(UnknownModel):
            await anext(stt)
        with pytest.raises(ServiceError):
            await stt.send_audio(b"\0\0")
