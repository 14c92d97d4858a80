"""What a connection does for peers that break the rules or do not read."""

import asyncio
import json
import random

import pytest
from aiohttp.test_utils import TestServer

from tests.server.conftest import MakeSite
from tests.server.peers import BlockedDecoder, ScriptedDecoder, Site
from tests.server.raw import BINARY, CLOSE, TEXT, RawPeer
from whispercpp_ws.config import Config, LimitConfig
from whispercpp_ws.events import SessionOptions
from whispercpp_ws.server import connection as connection_module
from whispercpp_ws.server.decoder import Decoder
from whispercpp_ws.server.drain import drain
from whispercpp_ws.session.session import Session


START = b'{"op":"start","rate":16000,"lang":"en"}'


def server_of(site: Site) -> TestServer:
    server = site.client.server
    assert isinstance(server, TestServer)
    return server


async def connect(make_site: MakeSite, decoder: Decoder | None = None) -> RawPeer:
    return await RawPeer.connect(server_of(await make_site(decoder=decoder)))


async def test_text_that_is_not_utf8_is_told_and_closed_with_1007(
    make_site: MakeSite,
) -> None:
    peer = await connect(make_site)
    peer.send(TEXT, b"\xff\xfe")
    texts, code = await peer.until_close()
    assert [json.loads(text)["code"] for text in texts] == ["bad_json"]
    assert code == 1007


async def test_a_peer_that_closes_without_end_still_gets_its_finals(
    make_site: MakeSite, speech: bytes
) -> None:
    peer = await connect(make_site)
    peer.send(TEXT, START)
    peer.send(BINARY, speech[:48_000])
    peer.send(CLOSE, b"\x03\xe8")
    texts, code = await peer.until_close()
    assert "final" in [json.loads(text)["type"] for text in texts]
    assert code == 1000


async def test_a_peer_that_closes_before_start_is_let_go(make_site: MakeSite) -> None:
    peer = await connect(make_site)
    peer.send(CLOSE, b"\x03\xe8")
    assert await peer.until_close() == ([], 1000)


async def test_finals_that_never_come_do_not_hold_a_closed_connection(
    make_site: MakeSite, speech: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "LINGER_S", 0.05)
    peer = await connect(make_site, BlockedDecoder())
    peer.send(TEXT, START)
    peer.send(BINARY, speech[:48_000])
    peer.send(CLOSE, b"\x03\xe8")
    _texts, code = await peer.until_close()
    assert code == 1000


async def test_audio_and_commands_after_end_change_nothing(
    make_site: MakeSite, speech: bytes
) -> None:
    peer = await connect(make_site)
    peer.send(TEXT, START)
    for _ in range(2):
        peer.send(BINARY, speech[:48_000])
        peer.send(TEXT, b'{"op":"end"}')
    texts, code = await peer.until_close()
    kinds = [json.loads(text)["type"] for text in texts]
    assert (kinds.count("final"), kinds.count("end"), code) == (1, 1, 1000)


async def test_a_peer_that_does_not_read_is_dropped(
    make_site: MakeSite, speech: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    long_words = [random.Random(0).randbytes(60_000).hex()]
    site = await make_site(
        Config(limits=LimitConfig(send_timeout_s=0.2)), ScriptedDecoder(long_words)
    )
    peer = await RawPeer.connect(server_of(site), receive_buffer=2048)
    peer.send(TEXT, START)
    peer.send(BINARY, speech)
    await peer.receive()
    with caplog.at_level("WARNING"):
        await site.shared.all_left.wait()
    assert "the peer took no frame for 0.2 s" in caplog.text
    assert site.value("slow_readers_total", limit="send_timeout") == 1
    peer.writer.close()


async def test_finals_are_not_dropped_for_a_slow_peer_but_the_peer_is(
    make_site: MakeSite, speech: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    site = await make_site(Config(limits=LimitConfig(outbound_events=1)))
    peer = await RawPeer.connect(server_of(site))
    peer.send(TEXT, START)
    peer.send(BINARY, speech)
    await site.shared.all_left.wait()
    assert "the peer lets 1 events wait" in caplog.text
    peer.writer.close()


async def test_a_peer_that_does_not_answer_the_close_is_dropped(
    make_site: MakeSite,
) -> None:
    site = await make_site(Config(limits=LimitConfig(send_timeout_s=0.05)))
    peer = await RawPeer.connect(server_of(site))
    peer.send(TEXT, b"not json")
    await site.shared.all_left.wait()
    assert b"bad_json" in await peer.reader.read()
    peer.writer.close()


async def test_a_broken_session_ends_its_connection_only(
    make_site: MakeSite, caplog: pytest.LogCaptureFixture
) -> None:
    def break_down(_options: SessionOptions) -> Session:
        raise ZeroDivisionError("a bug")

    site = await make_site()
    site.shared.open_session = break_down
    peer = await RawPeer.connect(server_of(site))
    peer.send(TEXT, START)
    texts, code = await peer.until_close()
    assert [json.loads(text)["code"] for text in texts] == ["internal"]
    assert code == 1011
    assert "ZeroDivisionError" in caplog.text


async def test_drain_gives_finals_and_says_why(
    make_site: MakeSite, speech: bytes
) -> None:
    decoder = BlockedDecoder()
    site = await make_site(decoder=decoder)
    peer = await RawPeer.connect(server_of(site))
    peer.send(TEXT, START)
    peer.send(BINARY, speech[:48_000])
    await decoder.asked.wait()
    decoder.gate.set()
    drained, (texts, code) = await asyncio.gather(drain(site.app), peer.until_close())
    assert drained
    messages = [json.loads(text) for text in texts]
    assert (messages[-1]["code"], messages[-1]["retryable"]) == ("draining", True)
    assert "final" in [message["type"] for message in messages]
    assert code == 1001


async def test_drain_tells_a_peer_that_has_not_started(make_site: MakeSite) -> None:
    site = await make_site()
    peer = await RawPeer.connect(server_of(site))
    assert len(site.shared.connections) == 1
    drained, (_texts, code) = await asyncio.gather(drain(site.app), peer.until_close())
    assert (drained, code) == (True, 1001)


async def test_a_drain_finishes_sessions_that_nobody_holds(
    make_site: MakeSite, speech: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    decoder = BlockedDecoder()
    site = await make_site(decoder=decoder)
    peer = await RawPeer.connect(server_of(site))
    peer.send(TEXT, START)
    peer.send(BINARY, speech[:48_000])
    await decoder.asked.wait()
    peer.writer.transport.abort()
    await site.shared.all_left.wait()
    decoder.gate.set()
    with caplog.at_level("INFO"):
        assert await drain(site.app)
    assert "(drain): nobody took its 1 finals" in caplog.text
    assert site.value("kept_sessions") == 0


async def test_a_drain_ends_when_its_time_is_over(
    make_site: MakeSite, speech: bytes
) -> None:
    decoder = BlockedDecoder()
    site = await make_site(Config(limits=LimitConfig(drain_s=0.05)), decoder)
    peer = await RawPeer.connect(server_of(site))
    peer.send(TEXT, START)
    peer.send(BINARY, speech[:48_000])
    await decoder.asked.wait()
    assert not await drain(site.app)
    decoder.gate.set()
    _texts, code = await peer.until_close()
    assert code == 1001
