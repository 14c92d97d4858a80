"""Serve a WebSocket dialect: what is checked before the upgrade, and the connection."""

import logging

from aiohttp import web

from whispercpp_ws.config import LimitConfig
from whispercpp_ws.protocols.base import Dialect
from whispercpp_ws.protocols.native import NativeDialect
from whispercpp_ws.server.connection import Connection
from whispercpp_ws.server.credentials import Credentials
from whispercpp_ws.server.entry import admitted
from whispercpp_ws.server.keys import REQUEST_ID, SHARED, Shared
from whispercpp_ws.server.pump import Log
from whispercpp_ws.server.socket import PeerSocket, bound_send_buffer


_LOGGER = logging.getLogger(__name__)
_NATIVE = Credentials()


async def serve_native(request: web.Request) -> web.StreamResponse:
    """Serve one native connection; raises what `serve_dialect` does."""
    defaults = request.app[SHARED].defaults
    return await serve_dialect(
        request, NativeDialect(defaults, request[REQUEST_ID]), _NATIVE
    )


async def serve_dialect(
    request: web.Request,
    dialect: Dialect,
    credentials: Credentials,
    limits: LimitConfig | None = None,
) -> web.StreamResponse:
    """
    Serve one connection in a dialect; its limits may be others than the server's.

    Raises:
        Overloaded: all connections, or the lanes, are taken.
        Draining: the server goes away.
        Unauthorized: a token in the headers is wrong. BadMessage: a subprotocol is
            offered that is not ours. Each is a response before the upgrade.
    """
    shared, transport = request.app[SHARED], request.transport
    assert transport is not None, "aiohttp runs a handler only while connected"
    grant = credentials.grant(request, shared)
    limits = limits or shared.config.limits
    with admitted(shared, grant, may_resume=limits.resume_grace_s > 0) as entry:
        socket = PeerSocket(limits, credentials.subprotocols)
        await socket.prepare(request)
        bound_send_buffer(transport)
        connection = Connection(
            socket,
            shared,
            dialect=dialect,
            limits=limits,
            entry=entry,
            abort=transport.abort,
            log=Log(_LOGGER, {"request_id": request[REQUEST_ID]}),
        )
        try:
            await serve_connection(connection, shared)
        finally:
            socket.stop_heartbeat()
    return socket


async def serve_connection(connection: Connection, shared: Shared) -> None:
    """Run a connection that a drain can find."""
    shared.enter(connection)
    try:
        await connection.run()
    finally:
        shared.leave(connection)
