"""The native endpoint: what is checked before the upgrade, and the connection."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import hdrs, web

from whispercpp_ws.access.token import Grant
from whispercpp_ws.errors import BadMessage, Draining
from whispercpp_ws.protocols.native import NativeDialect
from whispercpp_ws.server.connection import Connection
from whispercpp_ws.server.keys import REQUEST_ID, SHARED, Shared
from whispercpp_ws.server.pump import Log
from whispercpp_ws.server.socket import SUBPROTOCOLS, PeerSocket, bound_send_buffer


_LOGGER = logging.getLogger(__name__)


async def serve_native(request: web.Request) -> web.StreamResponse:
    """
    Serve one native connection.

    Raises:
        Overloaded: all connections, or the lanes, are taken.
        Draining: the server goes away.
        Unauthorized: a token in the headers is wrong. BadMessage: a subprotocol is
            offered that is not ours. Each is a response before the upgrade.
    """
    shared, transport = request.app[SHARED], request.transport
    assert transport is not None, "aiohttp runs a handler only while connected"
    grant = _grant(request, shared)
    with _admitted(shared):
        socket = PeerSocket(shared.config.limits)
        await socket.prepare(request)
        bound_send_buffer(transport)
        connection = Connection(
            socket,
            shared,
            dialect=NativeDialect(shared.defaults, request[REQUEST_ID]),
            grant=grant,
            abort=transport.abort,
            log=Log(_LOGGER, {"request_id": request[REQUEST_ID]}),
        )
        await _serve(connection, shared)
    return socket


async def _serve(connection: Connection, shared: Shared) -> None:
    shared.enter(connection)
    try:
        await connection.run()
    finally:
        shared.leave(connection)


def _grant(request: web.Request, shared: Shared) -> Grant | None:
    """Check a token in the headers; without one, `start` has to bring it."""
    token = _header_token(request)
    if token is None or not shared.tokens.is_required:
        return None
    return shared.tokens.check(token)


def _header_token(request: web.Request) -> str | None:
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    names = _offered_subprotocols(request)
    if not names:
        return None
    if names[0] not in SUBPROTOCOLS:
        # aiohttp would log the whole offer, and somebody's token may be in it.
        raise BadMessage(
            'Sec-WebSocket-Protocol: expected none, or "bearer, <token>"',
            field=hdrs.SEC_WEBSOCKET_PROTOCOL,
        )
    return names[1] if len(names) > 1 else None


def _offered_subprotocols(request: web.Request) -> list[str]:
    offers = request.headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, [])
    names = [name.strip() for offer in offers for name in offer.split(",")]
    return [name for name in names if name]


@contextmanager
def _admitted(shared: Shared) -> Iterator[None]:
    if shared.is_draining:
        raise Draining("the server is shutting down; connect again")
    shared.count.enter()
    shared.metrics.connections.set(shared.count.open)
    try:
        number = shared.load.admit()
        try:
            yield
        finally:
            shared.load.note_gone(number)
    finally:
        shared.count.leave()
        shared.metrics.connections.set(shared.count.open)
