"""Whole sessions of the native dialect over loopback."""

from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType

from tests.server.conftest import MakeSite
from tests.server.peers import (
    BlockedDecoder,
    finals,
    kinds,
    limited,
    rest,
    say,
    start,
    wait_for,
)
from whispercpp_ws.engines.scripted import DEFAULT_WORDS


async def test_speech_becomes_partials_and_finals(
    socket: ClientWebSocketResponse, speech: bytes
) -> None:
    ready = await start(socket, lang="en", model="base")
    await say(socket, speech)
    await socket.send_json({"op": "end"})
    messages = await rest(socket)
    assert (ready["type"], ready["model"], ready["lang"]) == ("ready", "base", "en")
    assert {"speech", "partial", "final", "ack"} <= set(kinds(messages))
    assert messages[-1]["type"] == "end"
    assert messages[-1]["finals"] == len(finals(messages)) > 0
    assert socket.close_code == 1000


async def test_partials_and_finals_say_how_late_they_are(
    socket: ClientWebSocketResponse, speech: bytes
) -> None:
    await start(socket)
    await say(socket, speech)
    await socket.send_json({"op": "end"})
    texts = [m for m in await rest(socket) if m["type"] in {"partial", "final"}]
    assert all(0 <= message["lag_ms"] < 10_000 for message in texts)


async def test_what_decodes_and_finals_took_is_counted(
    make_site: MakeSite, speech: bytes
) -> None:
    site = await make_site()
    socket = await site.connect()
    await start(socket, lang="en")
    await say(socket, speech)
    await socket.send_json({"op": "end"})
    said = len(finals(await rest(socket)))
    for stage in ("endpoint", "queue", "decode"):
        assert site.value("final_seconds_count", stage=stage) == said > 0
    partials = site.value("decode_seconds_count", priority="partial")
    assert site.value("lane_seconds_count", kind="partial") == partials > 0
    assert site.value("queue_seconds_count", kind="partial") == partials


@pytest.mark.parametrize("frame_bytes", [1, 7, 3200, 1 << 20])
async def test_any_framing_of_the_audio_gives_the_same_finals(
    make_site: MakeSite, speech: bytes, frame_bytes: int
) -> None:
    socket = await (await make_site()).connect()
    await start(socket)
    await say(socket, speech[:128_000], frame_bytes=frame_bytes)
    await socket.send_json({"op": "end"})
    said = [" ".join(DEFAULT_WORDS[:4]), DEFAULT_WORDS[0]]
    assert finals(await rest(socket)) == said


async def test_flush_finishes_the_open_utterance(
    socket: ClientWebSocketResponse, speech: bytes
) -> None:
    await start(socket)
    await socket.send_bytes(speech[:48_000])
    await socket.send_json({"op": "flush"})
    assert (await wait_for(socket, "final"))["utterance"] == 1


async def test_hold_keeps_one_utterance_open_through_pauses(
    socket: ClientWebSocketResponse, speech: bytes
) -> None:
    await start(socket, lang="en")
    await socket.send_json({"op": "hold"})
    await say(socket, speech)
    await socket.send_json({"op": "end"})
    assert len(finals(await rest(socket))) == 1


async def test_a_client_that_goes_quiet_gets_its_final(
    make_site: MakeSite, speech: bytes
) -> None:
    site = await make_site(limited(quiet_flush_s=0.05))
    socket = await site.connect()
    await start(socket)
    await socket.send_bytes(speech[:48_000])
    assert (await wait_for(socket, "final"))["utterance"] == 1


async def test_a_client_that_goes_quiet_is_asked_whether_it_is_there(
    make_site: MakeSite, speech: bytes
) -> None:
    site = await make_site(limited(quiet_flush_s=0.3))
    socket = await site.connect(autoping=False)
    await start(socket)
    await socket.send_bytes(speech[:48_000])
    texts = []
    while (frame := await socket.receive()).type is not WSMsgType.PING:
        texts.append(frame.data)
    # Cut off, it would not answer, and the word it is in would not be ended.
    assert not any('"final"' in text for text in texts)
    await socket.pong(frame.data)
    await wait_for(socket, "final")


async def test_set_changes_the_next_utterance(
    socket: ClientWebSocketResponse, speech: bytes
) -> None:
    await start(socket)
    await socket.send_json({"op": "set", "lang": "ru", "words": False})
    await socket.send_bytes(speech[:48_000])
    await socket.send_json({"op": "end"})
    final = next(m for m in await rest(socket) if m["type"] == "final")
    assert final["lang"] == "ru"
    assert "words" not in final


async def test_pings_are_answered_while_a_decode_hangs(
    make_site: MakeSite, speech: bytes
) -> None:
    decoder = BlockedDecoder()
    socket = await (await make_site(decoder=decoder)).connect(autoping=False)
    await start(socket)
    await socket.send_bytes(speech[:48_000])
    await decoder.asked.wait()
    await socket.ping(b"still there?")
    while (frame := await socket.receive()).type is WSMsgType.TEXT:
        pass
    assert (frame.type, frame.data) == (WSMsgType.PONG, b"still there?")
    decoder.gate.set()
    await wait_for(socket, "partial")


@pytest.mark.parametrize(
    ("frames", "code", "field", "close_code"),
    [
        (["{not json"], "bad_json", None, 4400),
        (["[1]"], "bad_json", None, 4400),
        ([b"\0\0"], "audio_before_start", "op", 4400),
        ([{"op": "end"}], "audio_before_start", "op", 4400),
        ([{"op": "sing"}], "bad_message", "op", 4400),
        ([{"op": "start", "rate": True}], "bad_start", "rate", 4400),
        ([{"op": "start", "format": "mp3"}], "unknown_format", "format", 4400),
        ([{"op": "start", "model": "huge"}], "unknown_model", "model", 4400),
        ([{"op": "start", "lang": "fr"}], "bad_start", "lang", 4400),
        ([{"op": "start", "lang": "xx"}], "bad_start", "lang", 4400),
        ([{"op": "start", "lang": ["en", "fr"]}], "bad_start", "lang", 4400),
        ([{"op": "start", "resume": "abc"}], "unknown_session", "resume", 4400),
        ([{"op": "start"}, {"op": "start"}], "already_started", None, 4400),
        ([{"op": "start"}, {"op": "set", "lang": "fr"}], "bad_message", "lang", 4400),
        ([{"op": "start"}, b"\0\0\0", {"op": "end"}], "bad_audio", "audio", 4400),
        ([b"\0" * ((1 << 20) + 1)], "frame_too_large", None, 1009),
        ([b"\0" * (3 << 20)], "frame_too_large", None, 1009),
        ([{"op": "flush", "x": "y" * 70_000}], "bad_json", None, 4400),
    ],
)
async def test_what_is_wrong_is_told_once_and_then_closed(
    socket: ClientWebSocketResponse,
    frames: list[bytes | str | dict[str, Any]],
    code: str,
    field: str | None,
    close_code: int,
) -> None:
    for frame in frames:
        if isinstance(frame, bytes):
            await socket.send_bytes(frame)
        elif isinstance(frame, str):
            await socket.send_str(frame)
        else:
            await socket.send_json(frame)
    messages = [m for m in await rest(socket) if m["type"] == "error"]
    assert [(m["code"], m.get("field")) for m in messages] == [(code, field)]
    assert socket.close_code == close_code
    assert messages[0]["request_id"]


async def test_a_client_that_vanishes_leaves_nothing_behind(
    make_site: MakeSite, speech: bytes
) -> None:
    decoder = BlockedDecoder()
    site = await make_site(limited(resume_grace_s=0), decoder)
    socket = await site.connect()
    await start(socket)
    await socket.send_bytes(speech[:48_000])
    await decoder.asked.wait()
    assert socket._response.connection is not None
    transport = socket._response.connection.transport
    assert transport is not None
    transport.abort()
    await site.shared.all_left.wait()
    assert site.value("sessions") == site.value("connections") == 0
