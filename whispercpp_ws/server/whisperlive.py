"""Serve WhisperLive: a port where every path is its, and clients that have to wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from aiohttp import WSMsgType, web

from whispercpp_ws.config import ListenConfig
from whispercpp_ws.errors import Overloaded, PeerError
from whispercpp_ws.protocols.whisperlive import WhisperLiveDialect, refusal
from whispercpp_ws.server.credentials import Credentials
from whispercpp_ws.server.keys import SHARED, Shared
from whispercpp_ws.server.middleware import (
    add_headers,
    answer_errors,
    name_request,
    refuse_origins,
)
from whispercpp_ws.server.run import listening
from whispercpp_ws.server.socket import PeerSocket
from whispercpp_ws.server.websocket import serve_dialect


MAX_TOLD_TO_WAIT = 16
"""Clients at once that are told to wait; more get a 503 as other clients do."""
OPTIONS_TIMEOUT_S = 5.0
"""How long a client that has to wait may take to say its name."""

_CREDENTIALS = Credentials(parameter="token")


class WhisperLiveServer:
    """The handler of every upgrade on the port."""

    def __init__(self) -> None:
        self._told_to_wait = 0

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """
        Serve one client, or tell it to wait; raises what `serve_dialect` does.

        The reference says so in a message after the upgrade: its client shows that,
        and takes a refusal before the upgrade for a server that is not there.
        """
        shared = request.app[SHARED]
        _CREDENTIALS.required_grant(request, shared)
        dialect = WhisperLiveDialect(shared.defaults)
        limits = replace(shared.config.limits, resume_grace_s=0)
        try:
            return await serve_dialect(request, dialect, _CREDENTIALS, limits)
        except Overloaded as error:
            if self._told_to_wait >= MAX_TOLD_TO_WAIT:
                raise
            shared.metrics.refused.labels(error.code).inc()
            return await self._tell_to_wait(request, error.retry_s)

    async def _tell_to_wait(
        self, request: web.Request, wait_s: int
    ) -> web.StreamResponse:
        socket = PeerSocket(request.app[SHARED].config.limits)
        self._told_to_wait += 1
        try:
            async with asyncio.timeout(OPTIONS_TIMEOUT_S):
                await socket.prepare(request)
                message = await socket.receive()
                if message.type is WSMsgType.TEXT:
                    await socket.send_str(refusal(message.data, wait_s))
                await socket.close()
        except (TimeoutError, PeerError, ConnectionError):
            # It is told nothing by the dialect's rules: it never said who it is.
            await socket.close(code=Overloaded.close_code)
        finally:
            self._told_to_wait -= 1
        return socket


@asynccontextmanager
async def whisperlive_listening(
    shared: Shared, listen: ListenConfig
) -> AsyncIterator[int]:
    """
    Serve WhisperLive's clients within the block, which gets the bound port.

    Raises:
        ConfigError: the address is taken or not ours.
    """
    app = web.Application(middlewares=[name_request, answer_errors, refuse_origins])
    app[SHARED] = shared
    app.on_response_prepare.append(add_headers)
    app.add_routes([web.get("/{path:.*}", WhisperLiveServer().serve)])
    own = replace(listen, port=listen.whisperlive_port)
    async with listening(app, own, option="whisperlive-port") as port:
        yield port
