"""What is left of a session when it is over: nothing, and without the collector."""

import gc
from collections.abc import Awaitable, Callable, Iterator

import pytest
from aiohttp import ClientWebSocketResponse

from tests.server.conftest import MakeSite
from tests.server.peers import rest, start, wait_for
from whispercpp_ws.config import Config, LimitConfig
from whispercpp_ws.server.connection import Connection
from whispercpp_ws.server.live import LiveSession
from whispercpp_ws.server.socket import PeerSocket
from whispercpp_ws.session.session import Session


KINDS = (Session, LiveSession, Connection, PeerSocket)

Leave = Callable[[ClientWebSocketResponse], Awaitable[object]]


@pytest.fixture
def earlier() -> Iterator[list[object]]:
    """
    Leave to the collector nothing that a reference count can free.

    Gives what is alive already: an error that a parametrised test before this one has
    raised keeps, by its traceback, a session.
    """
    gc.collect()
    gc.disable()
    yield objects(*KINDS)
    gc.enable()


def objects(*kinds: type) -> list[object]:
    return [one for one in gc.get_objects() if isinstance(one, kinds)]


def living(earlier: list[object], *kinds: type) -> list[str]:
    known = {id(one) for one in earlier}
    return [type(one).__name__ for one in objects(*kinds) if id(one) not in known]


async def end(socket: ClientWebSocketResponse) -> None:
    await socket.send_json({"op": "end"})
    await rest(socket)


async def blunder(socket: ClientWebSocketResponse) -> None:
    await socket.send_str("{not json")
    await rest(socket)


async def break_framing(socket: ClientWebSocketResponse) -> None:
    await socket.send_bytes(bytes(3 << 20))
    await rest(socket)


async def vanish(socket: ClientWebSocketResponse) -> None:
    assert socket._response.connection is not None
    transport = socket._response.connection.transport
    assert transport is not None
    transport.abort()


async def close(socket: ClientWebSocketResponse) -> None:
    await socket.close()


@pytest.mark.parametrize("leave", [end, blunder, break_framing, vanish, close])
async def test_a_session_that_is_over_is_freed_at_once(
    make_site: MakeSite, speech: bytes, leave: Leave, earlier: list[object]
) -> None:
    site = await make_site(Config(limits=LimitConfig(resume_grace_s=0)))
    socket = await site.connect()
    await start(socket, lang="en")
    await socket.send_bytes(speech)
    await wait_for(socket, "final")
    await leave(socket)
    await site.shared.all_left.wait()
    # The handler that served the connection ends one step later.
    await (await site.client.get("/health/live")).read()
    assert living(earlier, Session, LiveSession, Connection) == []
    # aiohttp's own objects know each other in circles; no timer may hold them.
    gc.collect()
    assert living(earlier, PeerSocket) == []
