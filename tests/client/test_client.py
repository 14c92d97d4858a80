"""The client speaks the native dialect and says clearly why it cannot."""

import json

import pytest
from aiohttp import web

from tests.scripted_server import (
    END,
    ERROR,
    FINAL,
    PARTIAL,
    READY,
    playing,
    received_until_end,
    serving,
    serving_http,
)
from whispercpp_ws.client.client import MAX_FRAME_BYTES, TranscriptionClient
from whispercpp_ws.errors import BadJson, ServiceError, UnknownModel
from whispercpp_ws.events import (
    AudioFormat,
    Ended,
    Failed,
    Final,
    Partial,
    Ready,
    SessionOptions,
)


OPTIONS = SessionOptions(audio=AudioFormat(rate=48_000, channels=2), language="ru")


async def test_events_come_in_order_with_their_own_text() -> None:
    async with serving(playing(PARTIAL, FINAL, END)) as url:
        async with await TranscriptionClient.connect(url, OPTIONS) as client:
            await client.end()
            messages = [message async for message in client]
    kinds = [type(message.event) for message in messages]
    assert kinds == [Ready, Partial, Final, Ended]
    assert [message.text for message in messages] == [READY, PARTIAL, FINAL, END]


async def test_start_comes_first_and_says_what_follows() -> None:
    frames: list[str | bytes] = []

    async def script(socket: web.WebSocketResponse) -> None:
        frames.extend(await received_until_end(socket))
        await socket.send_str(END)

    async with serving(script) as url:
        connecting = TranscriptionClient.connect(url, OPTIONS, token="secret")
        async with await connecting as client:
            await client.send_audio(b"\1\0" * 4)
            await client.hold()
            await client.flush()
            await client.end()
            assert [type(m.event) async for m in client] == [Ended]
    start = json.loads(frames[0])
    assert start.items() >= {"op": "start", "rate": 48_000, "channels": 2}.items()
    assert start.items() >= {"lang": "ru", "token": "secret"}.items()
    assert frames[1] == b"\1\0" * 4
    ops = [json.loads(f)["op"] for f in frames[2:]]
    assert ops == ["hold", "flush", "end"]


async def test_long_audio_is_cut_into_frames() -> None:
    frames: list[str | bytes] = []

    async def script(socket: web.WebSocketResponse) -> None:
        frames.extend(await received_until_end(socket))
        await socket.send_str(END)

    async with serving(script) as url:
        async with await TranscriptionClient.connect(url, OPTIONS) as client:
            await client.send_audio(bytes(MAX_FRAME_BYTES + 1))
            await client.end()
            assert [type(m.event) async for m in client] == [Ended]
    assert [len(frame) for frame in frames[1:-1]] == [MAX_FRAME_BYTES, 1]


async def test_an_error_is_the_last_event() -> None:
    async with serving(playing(ERROR)) as url:
        async with await TranscriptionClient.connect(url, OPTIONS) as client:
            await client.end()
            *_, last = [message.event async for message in client]
    assert isinstance(last, Failed)
    assert isinstance(last.error, UnknownModel)
    assert str(last.error) == "model: no such model"


async def test_a_connection_lost_before_the_end_is_an_error() -> None:
    async with serving(playing(FINAL)) as url:
        async with await TranscriptionClient.connect(url, OPTIONS) as client:
            await client.end()
            with pytest.raises(ServiceError, match=r"lost before the end .*1000\)"):
                [message async for message in client]


async def test_sending_on_a_lost_connection_is_an_error() -> None:
    async with serving(playing(END)) as url:
        client = await TranscriptionClient.connect(url, OPTIONS)
        await client.close()
        with pytest.raises(ServiceError, match="was lost"):
            await client.send_audio(b"\0\0")
        with pytest.raises(ServiceError, match="was lost"):
            await client.flush()


async def test_a_binary_frame_from_the_server_is_an_error() -> None:
    async def script(socket: web.WebSocketResponse) -> None:
        await socket.send_bytes(b"audio?")
        await received_until_end(socket)

    async with serving(script) as url:
        async with await TranscriptionClient.connect(url, OPTIONS) as client:
            with pytest.raises(BadJson, match="got BINARY"):
                [message async for message in client]


async def test_no_server_is_one_clear_sentence(unused_tcp_port: int) -> None:
    url = f"ws://127.0.0.1:{unused_tcp_port}/stt"
    with pytest.raises(ServiceError) as caught:
        await TranscriptionClient.connect(url, OPTIONS)
    message = str(caught.value)
    assert message.startswith(f"no server answers at {url} (")
    assert message.endswith("start one with `whispercpp-ws serve`")


async def test_a_server_that_answers_late_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("whispercpp_ws.client.link.CONNECT_TIMEOUT_S", 0.0)
    async with serving(playing(END)) as url:
        with pytest.raises(ServiceError, match="no answer in 0 s"):
            await TranscriptionClient.connect(url, OPTIONS)


@pytest.mark.parametrize("url", ["stt", "ftp://host/stt", "ws://"])
async def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ServiceError, match="expected an address such as ws://"):
        await TranscriptionClient.connect(url, OPTIONS)


@pytest.mark.parametrize(
    ("headers", "later"), [({}, "503$"), ({"Retry-After": "3"}, "503; try again in 3")]
)
async def test_a_refused_upgrade_names_the_status(
    headers: dict[str, str], later: str
) -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        return web.Response(status=503, headers=headers)

    async with serving_http(refuse) as url:
        with pytest.raises(ServiceError, match=f"refused .* HTTP {later}"):
            await TranscriptionClient.connect(url, OPTIONS)
