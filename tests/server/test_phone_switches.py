"""Vosk as phone switches speak it: FreeSWITCH, Asterisk and Jigasi."""

import asyncio
import json
import logging
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType

from tests.server.conftest import MakeSite
from tests.server.peers import Site


BLOCK_BYTES = 3200
"""0.2 s of 8 kHz audio, as mod_vosk and res_speech_vosk send it."""


@pytest.fixture
def telephone(speech: bytes) -> bytes:
    """Every second sample of the speech: 8 kHz."""
    return b"".join(speech[at : at + 2] for at in range(0, 128_000, 4))


def blocks(pcm: bytes, size: int = BLOCK_BYTES) -> list[bytes]:
    return [pcm[at : at + size] for at in range(0, len(pcm), size)]


async def all_left(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Require that the server lets the connection go, and finds nothing wrong."""
    async with asyncio.timeout(10):
        await site.shared.all_left.wait()
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR or r.exc_info]


async def next_text(socket: ClientWebSocketResponse) -> str:
    async with asyncio.timeout(10):
        return str(await socket.receive_str())


async def test_freeswitch_feeds_and_reads_by_turns_and_never_ends(
    make_site: MakeSite, telephone: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    site = await make_site()
    socket = await site.client.ws_connect("/")
    replies = []
    for block in blocks(telephone):
        await socket.send_bytes(block)
        replies.append(await next_text(socket))
    await socket.close()
    await all_left(site, caplog)
    for reply in replies:
        # How mod_vosk tells that nothing was said.
        is_empty = '""' in reply
        body = json.loads(reply)
        assert is_empty == (not (body.get("partial") or body.get("text")))
    assert any('""' in reply for reply in replies)
    assert any('""' not in reply for reply in replies)


async def test_asterisk_offers_its_subprotocol_and_leaves_without_reading(
    make_site: MakeSite, telephone: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    site = await make_site()
    socket = await site.client.ws_connect("/", protocols=("ws",))
    answer = socket._response.headers
    assert socket.protocol == "ws"
    # It refuses extensions that it has not offered.
    assert "Sec-WebSocket-Extensions" not in answer
    for block in blocks(telephone)[:8]:
        await socket.send_bytes(block)
        await next_text(socket)
    await socket.send_str('{"eof" : 1}')
    transport = socket._conn.transport if socket._conn else None
    assert transport is not None
    transport.abort()
    await all_left(site, caplog)


async def test_jigasi_streams_at_48_khz_and_waits_for_the_servers_close(
    make_site: MakeSite, speech: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    site = await make_site()
    socket = await site.client.ws_connect("/")
    await socket.send_str('{"config" : {"sample_rate" : 48000.0 }}')
    # Each sample three times: 48 kHz.
    wide = b"".join(speech[at : at + 2] * 3 for at in range(0, 96_000, 2))
    sent = blocks(wide, 19_200)
    for block in sent:
        await socket.send_bytes(block)
    await socket.send_str('{"eof" : 1}')
    messages: list[Any] = []
    async with asyncio.timeout(10):
        while (frame := await socket.receive()).type is WSMsgType.TEXT:
            messages.append(json.loads(frame.data))
    assert socket.close_code == 1000
    assert len(messages) == len(sent) + 1
    # It looks for the key "partial", and takes "text" from everything else.
    assert all(("partial" in message) != ("text" in message) for message in messages)
    assert "text" in messages[-1]
    said = " ".join(message.get("text", "") for message in messages)
    assert said.strip().startswith("one two three")
    await all_left(site, caplog)
