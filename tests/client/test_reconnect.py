"""A client that loses its connection goes on by itself, or says why it cannot."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from tests.scripted_server import (
    END,
    ERROR,
    FINAL,
    READY,
    Script,
    received_until_end,
    serving,
    serving_http,
)
from whispercpp_ws.client.backoff import Backoff
from whispercpp_ws.client.client import TranscriptionClient
from whispercpp_ws.errors import (
    BadJson,
    PeerError,
    ServiceError,
    SpeechError,
    Unauthorized,
    UnknownModel,
    UnknownSession,
)
from whispercpp_ws.events import (
    AudioFormat,
    Ended,
    Event,
    Final,
    Ready,
    Reconfigure,
    SessionOptions,
)


OPTIONS = SessionOptions(audio=AudioFormat(rate=8_000))
ACK = '{"type":"ack","offset":0.001}'
AGAIN = READY.replace('"offset":0', '"offset":0.001')
SECOND_FINAL = FINAL.replace('"utterance":1', '"utterance":2')
LATER = '{"type":"error","code":"overloaded","message":"later","retryable":true}'

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def no_wait(_seconds: float) -> None:
    await asyncio.sleep(0)


AT_ONCE = Backoff(tries=3, sleep=no_wait)


def in_turn(*scripts: Script | int) -> Handler:
    """Play one script for each connection; a number refuses it with a status."""
    left = list(scripts)

    async def handle(request: web.Request) -> web.StreamResponse:
        script = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(script, int):
            return web.Response(status=script)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await script(socket)
        return socket

    return handle


def break_off(*texts: str, frames: int = 1) -> Script:
    """Take some frames, say something, and reset the connection."""

    async def script(socket: web.WebSocketResponse) -> None:
        for _ in range(frames):
            await socket.receive()
        for text in texts:
            await socket.send_str(text)
        await asyncio.sleep(0)
        assert socket._req is not None
        assert socket._req.transport is not None
        # Closed after what was written, and without a close frame.
        socket._req.transport.close()

    return script


def go_on(said: list[Any], *texts: str) -> Script:
    """Answer `start`, note what comes until `end`, and say the rest."""

    async def script(socket: web.WebSocketResponse) -> None:
        said.append(json.loads(await socket.receive_str()))
        await socket.send_str(texts[0])
        if len(texts) > 1:
            said.extend(await received_until_end(socket))
        for text in texts[1:]:
            await socket.send_str(text)

    return script


async def events_of(
    url: str,
    *audio: bytes,
    notes: list[str] | None = None,
    backoff: Backoff = AT_ONCE,
) -> list[Event]:
    """Send audio and `end`, and return what the client makes of the answers."""
    told = notes if notes is not None else []
    async with await TranscriptionClient.connect(
        url, OPTIONS, token="t", backoff=backoff, note=told.append
    ) as client:
        for piece in audio:
            await client.send_audio(piece)
        await client.end()
        return [message.event async for message in client]


async def test_what_is_not_settled_is_replayed_on_a_new_connection() -> None:
    said: list[Any] = []
    notes: list[str] = []
    handler = in_turn(
        break_off(READY, FINAL, ACK, frames=3),
        go_on(said, AGAIN, FINAL, SECOND_FINAL, END),
    )
    async with serving_http(handler) as url:
        events = await events_of(url, bytes(15), b"\1" * 5, notes=notes)
    start, *rest = said
    assert start.items() >= {"op": "start", "resume": "s1", "offset": 0.001}.items()
    assert start["token"] == "t"
    # 1 ms are 16 bytes; the second frame began before it ended.
    assert rest == [b"\1" * 4, '{"op": "end"}']
    assert [e.utterance for e in events if isinstance(e, Final)] == [1, 2]
    assert len([e for e in events if isinstance(e, Ready)]) == 1
    assert isinstance(events[-1], Ended)
    assert "was lost" in notes[0]
    assert "trying again in" in notes[0]
    assert notes[1] == "connected again; the server goes on at 0.0 s"


async def test_a_connection_lost_before_ready_starts_anew() -> None:
    said: list[Any] = []
    handler = in_turn(break_off(frames=2), go_on(said, READY, FINAL, END))
    async with serving_http(handler) as url:
        events = await events_of(url, b"\1\0\2\0")
    assert "resume" not in said[0]
    assert said[1:] == [b"\1\0\2\0", '{"op": "end"}']
    assert [type(e) for e in events] == [Ready, Final, Ended]


async def test_a_server_that_cannot_serve_now_is_asked_again() -> None:
    said: list[Any] = []
    handler = in_turn(break_off(READY), 503, break_off(LATER), go_on(said, READY, END))
    async with serving_http(handler) as url:
        events = await events_of(url)
    assert said[0]["resume"] == "s1"
    assert [type(e) for e in events] == [Ready, Ended]


async def test_a_refusal_is_obeyed_when_it_says_how_long_to_wait() -> None:
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    async def refuse(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=503, headers={"Retry-After": "7"})

    def waited_s() -> float:
        return sum(waits)

    scripts = (break_off(READY), break_off(LATER), go_on([], READY, END))
    first, later, last = (in_turn(script) for script in scripts)
    answers = iter([first, refuse, later, last])

    async def handle(request: web.Request) -> web.StreamResponse:
        return await next(answers)(request)

    backoff = Backoff(uniform=lambda low, _high: low, sleep=wait, clock=waited_s)
    async with serving_http(handle) as url:
        assert isinstance((await events_of(url, backoff=backoff))[-1], Ended)
    # The first may only mean that the loss is not noticed yet.
    assert waits == [0.0, 1.0, 5.0]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (401, Unauthorized),
        (404, PeerError),
        (break_off(ERROR), UnknownModel),
        (break_off(FINAL), BadJson),
    ],
)
async def test_what_will_fail_again_is_raised_at_once(
    answer: Script | int, error: type[SpeechError]
) -> None:
    notes: list[str] = []
    async with serving_http(in_turn(break_off(READY), answer)) as url:
        with pytest.raises(error):
            await events_of(url, notes=notes)
    assert len(notes) == 1


async def test_tries_come_to_an_end() -> None:
    notes: list[str] = []
    async with serving_http(in_turn(break_off(READY), 503)) as url:
        with pytest.raises(ServiceError, match="HTTP 503"):
            await events_of(url, notes=notes)
    assert len(notes) == AT_ONCE.tries


@pytest.mark.parametrize("close_code", [1000, 1008, 4400])
async def test_a_close_that_means_it_is_final(close_code: int) -> None:
    async def script(socket: web.WebSocketResponse) -> None:
        await socket.receive()
        await socket.send_str(READY)
        await socket.close(code=close_code)

    notes: list[str] = []
    async with serving(script) as url:
        with pytest.raises(ServiceError, match=f"close code {close_code}"):
            await events_of(url, notes=notes)
    assert notes == []


async def test_sending_waits_while_the_connection_is_opened_again() -> None:
    said: list[Any] = []
    is_away, come_back = asyncio.Event(), asyncio.Event()

    async def wait(_seconds: float) -> None:
        is_away.set()
        await come_back.wait()

    handler = in_turn(break_off(READY), go_on(said, READY, END))
    async with serving_http(handler) as url:
        async with await TranscriptionClient.connect(
            url, OPTIONS, backoff=Backoff(sleep=wait)
        ) as client:

            async def read() -> list[Event]:
                return [message.event async for message in client]

            reading = asyncio.create_task(read())
            await is_away.wait()
            sending = asyncio.create_task(client.send_audio(b"\1\0"))
            await asyncio.sleep(0)
            assert not sending.done()
            come_back.set()
            await sending
            await client.end()
            assert isinstance((await reading)[-1], Ended)
    assert said[1:] == [b"\1\0", '{"op": "end"}']


async def test_a_client_that_stops_iterating_holds_nobody_up() -> None:
    async with serving_http(in_turn(break_off(READY))) as url:
        async with await TranscriptionClient.connect(url, OPTIONS) as client:
            async for message in client:
                assert isinstance(message.event, Ready)
                break
            async with asyncio.timeout(5):
                for _ in range(100):
                    await client.send_audio(bytes(1000))


async def test_audio_that_is_no_longer_kept_cannot_be_replayed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handler = in_turn(break_off(READY, frames=4), break_off(READY))
    async with serving_http(handler) as url:
        async with await TranscriptionClient.connect(
            url, OPTIONS, backoff=AT_ONCE
        ) as client:
            monkeypatch.setattr(client._log, "_limit_bytes", 100)
            for _ in range(3):
                await client.send_audio(bytes(60))
            with pytest.raises(SpeechError, match="after 0 s is no longer kept"):
                [message async for message in client]


UNKNOWN = (
    '{"type":"error","code":"unknown_session","message":"resume: gone",'
    '"retryable":false}'
)
ANEW = READY.replace('"s1"', '"s2"')


def acknowledge_and_break_off(*texts: str) -> Script:
    """Take all there is, confirm some of it, and reset the connection."""

    async def script(socket: web.WebSocketResponse) -> None:
        await socket.receive()
        await socket.send_str(texts[0])
        await received_until_end(socket)
        for text in texts[1:]:
            await socket.send_str(text)
        assert socket._req is not None
        assert socket._req.transport is not None
        socket._req.transport.close()

    return script


async def test_a_server_that_lost_the_session_gets_what_has_no_final_in_a_new_one() -> (
    None
):
    said: list[Any] = []
    notes: list[str] = []
    handler = in_turn(
        # All up to 1.5 s has a final, whose acknowledgement did not come.
        break_off(READY, FINAL, frames=3),
        break_off(UNKNOWN),
        acknowledge_and_break_off(ANEW, FINAL, ACK),
        go_on(said, ANEW.replace('"offset":0', '"offset":0.001'), FINAL, END),
    )
    second = bytes([1, 2]) * 8_000
    async with serving_http(handler) as url:
        events = await events_of(url, second, second, notes=notes)
    # Of the two seconds half of one is due, but for the millisecond that is confirmed.
    assert said[0].items() >= {"resume": "s2", "offset": 0.001}.items()
    assert sum(len(frame) for frame in said if isinstance(frame, bytes)) == 8_000 - 16
    told = [(e.utterance, e.start_s, e.end_s) for e in events if isinstance(e, Final)]
    assert told == [(1, 0.5, 1.5), (2, 2.0, 3.0)]
    assert events[-1] == Ended(3.5, 2)
    assert len([e for e in events if isinstance(e, Ready)]) == 1
    assert "a new session goes on at 1.5 s" in " ".join(notes)
    assert notes[-1] == "connected again; the server goes on at 1.5 s"


async def test_what_was_in_force_holds_in_a_new_session_that_breaks_at_once() -> None:
    said: list[Any] = []
    handler = in_turn(
        # The second of audio and the `set` before it are settled.
        break_off(READY, FINAL, ACK.replace("0.001", "1"), frames=4),
        break_off(UNKNOWN),
        break_off(ANEW),
        go_on(said, ANEW, END),
    )
    async with (
        serving_http(handler) as url,
        await TranscriptionClient.connect(url, OPTIONS, backoff=AT_ONCE) as client,
    ):
        await client.reconfigure(Reconfigure(language="fr"))
        await client.send_audio(bytes(16_000))
        await client.end()
        assert [message async for message in client]
    assert said[0].items() >= {"resume": "s2", "offset": 0.0}.items()
    assert said[1:] == ['{"op": "set", "lang": "fr"}', '{"op": "end"}']


async def test_a_session_that_is_lost_before_it_began_is_no_loop() -> None:
    async with serving_http(in_turn(break_off(), break_off(UNKNOWN))) as url:
        with pytest.raises(UnknownSession):
            await events_of(url)
