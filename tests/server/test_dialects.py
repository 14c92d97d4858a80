"""The dialects on a running server: routes, upgrades, errors and tokens."""

import asyncio
import json

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType

from tests.server.conftest import MakeSite
from whispercpp_ws.config import Config, TokenConfig


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


async def test_asterisks_subprotocol_is_selected(make_site: MakeSite) -> None:
    site = await make_site()
    socket = await site.client.ws_connect("/", protocols=("ws",))
    assert socket.protocol == "ws"
    await socket.close()


@pytest.mark.parametrize("path", ["/"])
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
