"""The dialects on a running server: routes, upgrades, errors and tokens."""

import asyncio
import base64
import json
import time
from typing import Any

import jwt
import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType

from tests.server.conftest import MakeSite
from whispercpp_ws.config import Config, LimitConfig, TokenConfig


KEY = "k" * 32


async def close_code(socket: ClientWebSocketResponse) -> int | None:
    """Wait for the close, which must come without a message before it."""
    message = await socket.receive()
    assert message.type in {WSMsgType.CLOSE, WSMsgType.CLOSED}
    return socket.close_code


async def test_a_page_is_served_where_vosk_clients_connect(make_site: MakeSite) -> None:
    site = await make_site()
    page = await site.client.get("/")
    assert page.content_type == "text/html"
    socket = await site.client.ws_connect("/")
    await socket.send_str('{"eof" : 1}')
    assert json.loads(await socket.receive_str()) == {"text": ""}
    assert await close_code(socket) == 1000


async def test_vosk_is_served_on_any_other_path(make_site: MakeSite) -> None:
    site = await make_site()
    assert (await site.client.get("/asr/en/")).status == 404
    socket = await site.client.ws_connect("/asr/en/")
    await socket.send_str('{"eof" : 1}')
    assert json.loads(await socket.receive_str()) == {"text": ""}


async def test_a_lock_step_client_gets_one_reply_to_each_frame(
    make_site: MakeSite, speech: bytes
) -> None:
    socket = await (await make_site()).client.ws_connect("/")
    await socket.send_str('{ "config" : { "sample_rate" : 16000 } }')
    replies = []
    for start in range(0, len(speech), 6401):
        await socket.send_bytes(speech[start : start + 6401])
        replies.append(json.loads(await socket.receive_str()))
    await socket.send_str('{"eof" : 1}')
    last = json.loads(await socket.receive_str())
    assert await close_code(socket) == 1000
    texts = [reply["text"] for reply in (*replies, last) if reply.get("text")]
    assert texts
    assert texts[0].startswith("one two")


async def test_a_reset_is_answered_by_the_final_of_what_was_said(
    make_site: MakeSite, speech: bytes
) -> None:
    socket = await (await make_site()).client.ws_connect("/")
    await socket.send_str('{"config":{"sample_rate":16000}}')
    await socket.send_bytes(speech[:64_000])
    assert "partial" in json.loads(await socket.receive_str())
    await socket.send_str('{"reset" : 1}')
    async with asyncio.timeout(10):
        assert json.loads(await socket.receive_str())["text"]
    await socket.close()


async def test_vosk_clients_are_dropped_for_what_is_no_message(
    make_site: MakeSite,
) -> None:
    socket = await (await make_site()).client.ws_connect("/")
    await socket.send_str("nonsense")
    assert await close_code(socket) == 1011


async def test_vosk_clients_are_dropped_for_a_model_there_is_not(
    make_site: MakeSite,
) -> None:
    socket = await (await make_site()).client.ws_connect("/")
    await socket.send_str('{"config":{"model":"../../etc/passwd"}}')
    await socket.send_bytes(b"\0\0")
    assert await close_code(socket) == 1011


@pytest.mark.parametrize("path", ["/", "/v1/listen", "/v1/realtime", "/asr", "/v3/ws"])
async def test_a_wrong_token_is_refused_before_the_upgrade(
    make_site: MakeSite, path: str
) -> None:
    site = await make_site(Config(tokens=TokenConfig(key=KEY)))
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Authorization": "Bearer wrong",
    }
    response = await site.client.get(path, headers=upgrade)
    assert response.status == 401


LISTEN = "/v1/listen?encoding=linear16&sample_rate=16000&interim_results=true"


async def messages(socket: ClientWebSocketResponse) -> list[dict[str, Any]]:
    """Collect what the server sends until it closes."""
    found = []
    while (frame := await socket.receive()).type is WSMsgType.TEXT:
        found.append(json.loads(frame.data))
    return found


async def test_deepgram_clients_get_results_metadata_and_close_1000(
    make_site: MakeSite, speech: bytes
) -> None:
    socket = await (await make_site()).client.ws_connect(LISTEN)
    await socket.send_bytes(speech[:64_000])
    await socket.send_str('{"type":"Finalize"}')
    await socket.send_bytes(b"")
    said = await messages(socket)
    assert socket.close_code == 1000
    assert said[-1]["type"] == "Metadata"
    assert [m for m in said if m.get("speech_final")]
    assert [m for m in said if m.get("from_finalize")]


async def test_a_silent_deepgram_client_is_closed_with_net_0001(
    make_site: MakeSite,
) -> None:
    site = await make_site(Config(limits=LimitConfig(idle_timeout_s=0.1)))
    socket = await site.client.ws_connect(LISTEN)
    message = await socket.receive()
    assert message.data == 1011
    assert str(message.extra).startswith("NET-0001")


async def test_a_deepgram_query_that_is_wrong_is_refused_before_the_upgrade(
    make_site: MakeSite,
) -> None:
    site = await make_site()
    headers = {"Connection": "Upgrade", "Upgrade": "websocket"}
    response = await site.client.get("/v1/listen?encoding=opus", headers=headers)
    body = await response.json()
    assert response.status == 400
    assert response.headers["dg-error"] == "bad_message"
    assert body["request_id"] == response.headers["dg-request-id"]


async def test_a_deepgram_message_that_is_wrong_is_told_and_closed(
    make_site: MakeSite,
) -> None:
    socket = await (await make_site()).client.ws_connect(LISTEN)
    await socket.send_str("[]")
    (error,) = await messages(socket)
    assert (error["type"], socket.close_code) == ("Error", 1008)


async def test_a_deepgram_browser_offers_its_key_as_a_subprotocol(
    make_site: MakeSite,
) -> None:
    site = await make_site()
    socket = await site.client.ws_connect(LISTEN, protocols=("token", "secret"))
    assert socket.protocol == "token"
    await socket.close()


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Token TOKEN"},
        {"Authorization": "bearer TOKEN"},
        {"Sec-WebSocket-Protocol": "token, TOKEN"},
    ],
)
async def test_deepgrams_ways_to_carry_a_token_are_known(
    make_site: MakeSite, headers: dict[str, str]
) -> None:
    now = int(time.time())
    token = jwt.encode({"iat": now, "exp": now + 60}, KEY, "HS256")
    site = await make_site(Config(tokens=TokenConfig(key=KEY)))
    filled = {name: text.replace("TOKEN", token) for name, text in headers.items()}
    socket = await site.client.ws_connect(LISTEN, headers=filled)
    await socket.send_str('{"type":"CloseStream"}')
    assert (await messages(socket))[-1]["type"] == "Metadata"


async def test_realtime_clients_may_send_frames_larger_than_others(
    make_site: MakeSite,
) -> None:
    socket = await (await make_site()).client.ws_connect("/v1/realtime", max_msg_size=0)
    audio = base64.b64encode(bytes(3 << 20)).decode()
    await socket.send_json({"type": "input_audio_buffer.append", "audio": audio})
    await socket.send_json({"type": "input_audio_buffer.clear"})
    assert (await socket.receive_json())["type"] == "session.created"
    assert (await socket.receive_json())["type"] == "input_audio_buffer.cleared"
    await socket.close()


@pytest.mark.parametrize(
    ("offered", "kind"),
    [
        (("realtime", f"openai-insecure-api-key.{KEY}"), "session.created"),
        (("realtime", "openai-beta.realtime-v1"), "transcription_session.created"),
    ],
)
async def test_realtime_browsers_offer_key_and_version_as_subprotocols(
    make_site: MakeSite, offered: tuple[str, ...], kind: str
) -> None:
    site = await make_site()
    socket = await site.client.ws_connect("/v1/realtime", protocols=offered)
    assert socket.protocol == "realtime"
    assert (await socket.receive_json())["type"] == kind
    await socket.close()


@pytest.mark.parametrize("where", ["header", "parameter"])
async def test_assemblyai_clients_send_their_token_bare(
    make_site: MakeSite, where: str
) -> None:
    now = int(time.time())
    token = jwt.encode({"iat": now, "exp": now + 60}, KEY, "HS256")
    site = await make_site(Config(tokens=TokenConfig(key=KEY)))
    path = "/v3/ws" if where == "header" else f"/v3/ws?token={token}"
    headers = {"Authorization": token} if where == "header" else {}
    socket = await site.client.ws_connect(path, headers=headers)
    begin = await socket.receive_json()
    assert begin["type"] == "Begin"
    assert begin["expires_at"] > now
    await socket.close()


async def test_assemblyai_clients_get_turns_and_a_termination(
    make_site: MakeSite, speech: bytes
) -> None:
    socket = await (await make_site()).client.ws_connect("/v3/ws?format_turns=True")
    await socket.send_bytes(speech[:96_000])
    await socket.send_str('{"type":"Terminate"}')
    begin, *_, turn, ended = await messages(socket)
    assert (begin["type"], ended["type"]) == ("Begin", "Termination")
    assert turn["turn_is_formatted"]
    assert turn["transcript"].startswith("one two")
    assert ended["audio_duration_seconds"] == 3
    assert socket.close_code == 1000


async def test_whisperlivekit_clients_are_told_when_all_is_said(
    make_site: MakeSite, speech: bytes
) -> None:
    socket = await (await make_site()).client.ws_connect("/asr?language=en&token=x")
    assert (await socket.receive_json())["useAudioWorklet"] is True
    await socket.send_bytes(speech[:96_000])
    await socket.send_bytes(b"")
    *_, last, stop = await messages(socket)
    assert stop == {"type": "ready_to_stop"}
    assert last["lines"][0]["text"].startswith("one two")
    assert socket.close_code == 1000


async def test_two_dialects_at_once_do_not_disturb_each_other(
    make_site: MakeSite, speech: bytes
) -> None:
    site = await make_site()
    vosk = await site.client.ws_connect("/")
    deepgram = await site.client.ws_connect(LISTEN)
    await vosk.send_str('{"config":{"sample_rate":16000}}')
    for start in range(0, 96_000, 6400):
        chunk = speech[start : start + 6400]
        await deepgram.send_bytes(chunk)
        await vosk.send_bytes(chunk)
        assert "type" not in json.loads(await vosk.receive_str())
    await vosk.send_str('{"eof" : 1}')
    await deepgram.send_str('{"type":"CloseStream"}')
    assert "text" in json.loads(await vosk.receive_str())
    assert {m["type"] for m in await messages(deepgram)} == {"Results", "Metadata"}
