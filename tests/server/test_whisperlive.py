"""WhisperLive on its port: speech, tokens, clients that wait, and broken ones."""

import asyncio
import json
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import jwt
import pytest

from tests.server.conftest import MakeSite
from tests.server.peers import Site
from whispercpp_ws.config import Config, ListenConfig, TokenConfig
from whispercpp_ws.errors import ConfigError, Overloaded
from whispercpp_ws.scheduler.load import Unloaded
from whispercpp_ws.server import whisperlive
from whispercpp_ws.server.drain import drain
from whispercpp_ws.server.whisperlive import whisperlive_listening


KEY = "k" * 32
OPTIONS = json.dumps({"uid": "u1", "language": "en"})
FREE = ListenConfig(whisperlive_port=0)


class Full(Unloaded):
    """Lanes that have no time for anybody."""

    def admit(self) -> int:
        raise Overloaded("busy")


@asynccontextmanager
async def connecting(site: Site, path: str = "/") -> AsyncIterator[Any]:
    """Yield what connects a client to the port."""
    async with (
        whisperlive_listening(site.shared, FREE) as port,
        aiohttp.ClientSession() as http,
    ):
        yield lambda **given: http.ws_connect(f"http://127.0.0.1:{port}{path}", **given)


def as_float32(pcm: bytes) -> bytes:
    samples = struct.unpack(f"<{len(pcm) // 2}h", pcm)
    return struct.pack(f"<{len(samples)}f", *(s / 32768 for s in samples))


async def rest(socket: aiohttp.ClientWebSocketResponse) -> list[Any]:
    async with asyncio.timeout(10):
        return [json.loads(message.data) async for message in socket]


async def test_speech_becomes_completed_segments(
    make_site: MakeSite, speech: bytes
) -> None:
    async with connecting(await make_site()) as connect:
        socket = await connect()
        await socket.send_str(OPTIONS)
        assert (await socket.receive_json())["message"] == "SERVER_READY"
        await socket.send_bytes(as_float32(speech[:96_000]))
        await socket.send_bytes(b"END_OF_AUDIO")
        *_, last = await rest(socket)
    assert last["uid"] == "u1"
    assert last["segments"][0]["text"].startswith(" one two")
    assert all(segment["completed"] for segment in last["segments"])
    assert socket.close_code == 1000


async def test_a_client_waits_for_lanes_that_are_taken(make_site: MakeSite) -> None:
    site = await make_site(load=Full())
    async with connecting(site) as connect:
        socket = await connect()
        await socket.send_str(OPTIONS)
        (told,) = await rest(socket)
    assert (told["uid"], told["status"]) == ("u1", "WAIT")
    assert 0 < told["message"] < 1
    assert socket.close_code == 1000
    assert site.value("refused_connections_total", code="overloaded") == 1


@pytest.mark.parametrize("first", ["nonsense", b"\0\0\0\0"])
async def test_a_client_that_has_to_wait_and_has_no_name_is_dropped(
    make_site: MakeSite, first: str | bytes
) -> None:
    async with connecting(await make_site(load=Full())) as connect:
        socket = await connect()
        await (
            socket.send_str(first)
            if isinstance(first, str)
            else socket.send_bytes(first)
        )
        assert await rest(socket) == []


async def test_few_clients_at_once_are_told_to_wait(
    make_site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whisperlive, "MAX_TOLD_TO_WAIT", 1)
    async with connecting(await make_site(load=Full())) as connect:
        waiting = await connect()
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await connect()
        assert refused.value.status == 503
        await waiting.send_str(OPTIONS)
        assert (await rest(waiting))[0]["status"] == "WAIT"


async def test_a_client_that_never_says_its_name_is_dropped(
    make_site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whisperlive, "OPTIONS_TIMEOUT_S", 0.01)
    async with connecting(await make_site(load=Full())) as connect:
        socket = await connect()
        assert await rest(socket) == []
        assert socket.close_code == 1013


@pytest.mark.parametrize("path", ["/", "/any/path"])
async def test_a_wrong_token_is_a_401(make_site: MakeSite, path: str) -> None:
    site = await make_site(Config(tokens=TokenConfig(key=KEY)))
    async with connecting(site, path) as connect:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await connect()
    assert refused.value.status == 401


async def test_the_token_is_in_the_query_or_a_header(make_site: MakeSite) -> None:
    config, now = Config(tokens=TokenConfig(key=KEY)), int(time.time())
    token = jwt.encode({"iat": now, "exp": now + 60}, KEY, "HS256")
    async with connecting(await make_site(config), f"/?token={token}") as connect:
        await (await connect()).close()
    async with connecting(await make_site(config)) as connect:
        await (await connect(headers={"Authorization": f"Bearer {token}"})).close()


async def test_what_is_no_message_is_told_and_closes(make_site: MakeSite) -> None:
    async with connecting(await make_site()) as connect:
        socket = await connect()
        await socket.send_str("nonsense")
        (told,) = await rest(socket)
    assert told["status"] == "ERROR"
    assert socket.close_code == 4400


async def test_a_drain_finds_these_clients(make_site: MakeSite) -> None:
    site = await make_site()
    async with connecting(site) as connect:
        socket = await connect()
        await socket.send_str(OPTIONS)
        await socket.receive_json()
        draining = asyncio.create_task(drain(site.app))
        (told,) = await rest(socket)
        assert await draining
    assert told["status"] == "WARNING"
    assert socket.close_code == 1001


async def test_an_application_listens_on_its_whisperlive_port(
    make_site: MakeSite, unused_tcp_port: int
) -> None:
    await make_site(Config(listen=ListenConfig(whisperlive_port=unused_tcp_port)))
    url = f"http://127.0.0.1:{unused_tcp_port}/"
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
        await socket.send_str(OPTIONS)
        assert (await socket.receive_json())["backend"] == "faster_whisper"


async def test_a_port_that_is_taken_is_a_config_error(make_site: MakeSite) -> None:
    site = await make_site()
    async with whisperlive_listening(site.shared, FREE) as port:
        with pytest.raises(ConfigError, match="--whisperlive-port"):
            async with whisperlive_listening(
                site.shared, ListenConfig(whisperlive_port=port)
            ):
                pass
