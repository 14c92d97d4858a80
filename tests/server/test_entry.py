"""Who comes in while the lanes, or the connections, are taken."""

import asyncio

import pytest
from aiohttp import WSServerHandshakeError

from tests.server.conftest import MakeSite
from tests.server.peers import Site, kinds, next_message, rest, start, vanish, wait_for
from whispercpp_ws.config import Config, LimitConfig
from whispercpp_ws.errors import Overloaded
from whispercpp_ws.scheduler.load import Unloaded
from whispercpp_ws.server import live


class Taken(Unloaded):
    """A load that lets one connection in, and nobody after it."""

    def __init__(self) -> None:
        self.admitted = 0

    def admit(self) -> int:
        if self.admitted:
            raise Overloaded("no lane has time")
        self.admitted += 1
        return 1


class Watched(Unloaded):
    """A load that says when it is told that a session is over."""

    def __init__(self) -> None:
        self.is_told = asyncio.Event()

    def note_left(self, session_id: str) -> None:
        self.is_told.set()


async def dropped(site: Site, speech: bytes) -> str:
    """Start a session, lose its connection, and return its name."""
    socket = await site.connect()
    name: str = (await start(socket, lang="en"))["session"]
    await socket.send_bytes(speech[:64_000])
    await wait_for(socket, "partial")
    await vanish(socket, site)
    return name


async def refused(site: Site) -> WSServerHandshakeError:
    with pytest.raises(WSServerHandshakeError) as refusal:
        await site.connect()
    return refusal.value


async def test_a_session_is_taken_up_though_the_lanes_are_taken(
    make_site: MakeSite, speech: bytes
) -> None:
    site = await make_site(load=Taken())
    name = await dropped(site, speech)
    socket = await site.connect()
    await socket.send_json({"op": "start", "resume": name, "offset": 0})
    assert (await next_message(socket))["session"] == name
    await socket.send_bytes(speech)
    await socket.send_json({"op": "end"})
    assert (await rest(socket))[-1]["type"] == "end"
    assert site.shared.expected == 0


async def test_a_session_is_taken_up_though_all_connections_are_taken(
    make_site: MakeSite, speech: bytes
) -> None:
    site = await make_site(Config(limits=LimitConfig(max_connections=1)))
    name = await dropped(site, speech)
    other = await site.connect()
    socket = await site.connect()
    await socket.send_json({"op": "start", "resume": name, "offset": 0})
    assert (await next_message(socket))["session"] == name
    assert (await refused(site)).status == 503
    await other.close()


async def test_who_comes_in_to_take_up_but_starts_anew_is_refused_with_when_to_retry(
    make_site: MakeSite, speech: bytes
) -> None:
    site = await make_site(load=Taken())
    await dropped(site, speech)
    socket = await site.connect()
    error = await start(socket, lang="en")
    assert (error["code"], error["retryable"]) == ("overloaded", True)
    assert error["retry_after"] > 0
    assert kinds(await rest(socket)) == []
    assert socket.close_code == 1013


async def test_no_more_come_in_so_than_sessions_wait(
    make_site: MakeSite, speech: bytes
) -> None:
    site = await make_site(load=Taken())
    name = await dropped(site, speech)
    first = await site.connect()
    refusal = await refused(site)
    assert refusal.status == 503
    assert refusal.headers is not None
    assert int(refusal.headers["Retry-After"]) > 0
    await first.close()
    await site.shared.all_left.wait()
    second = await site.connect()
    await second.send_json({"op": "start", "resume": name})
    assert (await next_message(second))["session"] == name


async def test_other_dialects_and_a_server_without_lost_peers_refuse_at_once(
    make_site: MakeSite, speech: bytes
) -> None:
    site = await make_site(load=Taken())
    speaking = await site.connect()
    await start(speaking, lang="en")
    await speaking.send_bytes(speech[:64_000])
    assert (await refused(site)).status == 503
    await vanish(speaking, site)
    with pytest.raises(WSServerHandshakeError):
        await site.client.ws_connect("/v1/listen")


@pytest.mark.parametrize("quiet", [b"", bytes(64_000)], ids=["nothing", "silence"])
async def test_a_peer_that_never_spoke_may_be_back_before_its_loss_is_known(
    make_site: MakeSite, quiet: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "SEEMS_GONE_S", 0.0)
    site = await make_site(load=Taken())
    older = await site.connect()
    name = (await start(older, lang="en"))["session"]
    await older.send_bytes(quiet)
    newer = await site.connect()
    await newer.send_json({"op": "start", "resume": name})
    assert (await next_message(newer))["session"] == name
    assert (await rest(older))[-1]["code"] == "session_taken"


async def test_a_peer_that_stopped_sending_may_be_back_before_its_loss_is_known(
    make_site: MakeSite, speech: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "SEEMS_GONE_S", 0.0)
    site = await make_site(load=Taken())
    older = await site.connect()
    name = (await start(older, lang="en"))["session"]
    await older.send_bytes(speech[:64_000])
    await wait_for(older, "partial")
    newer = await site.connect()
    await newer.send_json({"op": "start", "resume": name, "offset": 0})
    assert (await next_message(newer))["session"] == name
    assert (await rest(older))[-1]["code"] == "session_taken"


async def test_who_has_closed_is_no_speaker_though_the_session_is_kept(
    make_site: MakeSite, speech: bytes
) -> None:
    load = Watched()
    site = await make_site(load=load)
    socket = await site.connect()
    name = (await start(socket, lang="en"))["session"]
    await socket.send_bytes(speech[:64_000])
    await socket.close()
    await load.is_told.wait()
    assert site.shared.sessions.find(name, owner="").over.is_set()
