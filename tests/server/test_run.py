"""Listening, stopping on signals, and what is said when a port is taken."""

import asyncio
import os
import signal

import pytest
from aiohttp import (
    ClientSession,
    ClientWebSocketResponse,
    WSMsgType,
    WSServerHandshakeError,
)

from tests.server.peers import BlockedDecoder, ScriptedDecoder, rest
from tests.server.raw import HANDSHAKE
from whispercpp_ws.config import Config, LimitConfig, ListenConfig
from whispercpp_ws.errors import ConfigError
from whispercpp_ws.metrics import Metrics
from whispercpp_ws.server.app import create_app
from whispercpp_ws.server.decoder import Decoder
from whispercpp_ws.server.keys import SHARED
from whispercpp_ws.server.run import listening, run_app


ANY_PORT = ListenConfig(port=0)


class Server:
    """A server in a task, on a port of its own."""

    def __init__(self, decoder: Decoder, *, drain_s: float = 5.0) -> None:
        self._port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        config = Config(limits=LimitConfig(drain_s=drain_s))
        app = create_app(config, decoder, Metrics())
        self.task = asyncio.create_task(
            run_app(app, ANY_PORT, on_listening=self._port.set_result)
        )

    async def url(self) -> str:
        return f"http://127.0.0.1:{await self._port}"


async def test_a_signal_ends_an_idle_server() -> None:
    server = Server(ScriptedDecoder())
    async with ClientSession() as http:
        async with http.get(await server.url() + "/health/ready") as response:
            assert response.status == 200
    os.kill(os.getpid(), signal.SIGTERM)
    assert await server.task


async def test_a_signal_drains_open_sessions() -> None:
    server = Server(ScriptedDecoder())
    async with ClientSession() as http:
        async with http.ws_connect(await server.url() + "/stt") as socket:
            await socket.send_json({"op": "start"})
            await socket.receive_str()
            os.kill(os.getpid(), signal.SIGTERM)
            assert '"draining"' in await socket.receive_str()
            assert (await socket.receive()).type is WSMsgType.CLOSE
            assert socket.close_code == 1001
    assert await server.task


async def hang_in_a_decode(
    http: ClientSession, server: Server, speech: bytes
) -> ClientWebSocketResponse:
    socket = await http.ws_connect(await server.url() + "/stt")
    await socket.send_json({"op": "start", "lang": "en"})
    await socket.send_bytes(speech[:48_000])
    return socket


async def test_while_it_drains_no_session_begins_and_none_is_taken_up(
    speech: bytes,
) -> None:
    decoder = BlockedDecoder()
    server = Server(decoder, drain_s=600)
    async with ClientSession() as http:
        socket = await hang_in_a_decode(http, server, speech)
        await decoder.asked.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        async with http.get(await server.url() + "/health/ready") as response:
            assert response.status == 503
        with pytest.raises(WSServerHandshakeError) as refused:
            await http.ws_connect(await server.url() + "/stt")
        assert refused.value.status == 503
        assert refused.value.headers is not None
        assert refused.value.headers["Retry-After"] == "5"
        decoder.gate.set()
        messages = await rest(socket)
        assert "final" in [message["type"] for message in messages]
        assert (messages[-1]["code"], socket.close_code) == ("draining", 1001)
    assert await server.task


async def test_a_drain_that_cannot_finish_gives_up(speech: bytes) -> None:
    decoder = BlockedDecoder()
    server = Server(decoder, drain_s=0.05)
    async with ClientSession() as http:
        socket = await hang_in_a_decode(http, server, speech)
        await decoder.asked.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        assert not await server.task
        assert (await rest(socket))[-1]["type"] == "speech"


async def test_a_second_signal_cuts_the_drain_short(speech: bytes) -> None:
    decoder = BlockedDecoder()
    server = Server(decoder, drain_s=600)
    async with ClientSession() as http:
        socket = await hang_in_a_decode(http, server, speech)
        await decoder.asked.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        async with http.get(await server.url() + "/health/ready") as response:
            assert response.status == 503
        os.kill(os.getpid(), signal.SIGINT)
        assert not await server.task
        assert (await rest(socket))[-1]["type"] == "speech"


async def test_a_peer_that_vanishes_is_noticed() -> None:
    # Unlike the runner of aiohttp's test server, ours does not cancel handlers.
    app = create_app(Config(), ScriptedDecoder(), Metrics())
    async with listening(app, ANY_PORT) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HANDSHAKE.encode())
        await reader.readuntil(b"\r\n\r\n")
        assert len(app[SHARED].connections) == 1
        writer.transport.abort()
        await app[SHARED].all_left.wait()


async def test_a_taken_port_is_one_clear_sentence() -> None:
    first, second = (create_app(Config(), ScriptedDecoder(), Metrics()) for _ in "ab")
    async with listening(first, ANY_PORT) as port:
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{port}"):
            async with listening(second, ListenConfig(port=port)):
                pass
