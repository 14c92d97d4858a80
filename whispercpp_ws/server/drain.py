"""Stop without losing a word: no new sessions, all finals, then the close frames."""

import asyncio

from aiohttp import web

from whispercpp_ws.errors import Draining
from whispercpp_ws.server.keys import SHARED


GONE = Draining("the server is shutting down; connect again")


async def drain(app: web.Application) -> bool:
    """
    Ask every connection to end and wait until all have; False when time ran out.

    Kept sessions get their finals too, but nobody can take them up any more.
    `/health/ready` says 503 from the first moment, so that no new peers are sent.
    """
    shared = app[SHARED]
    shared.is_draining = True
    for connection in list(shared.connections):
        connection.drain()
    try:
        async with asyncio.timeout(shared.config.limits.drain_s):
            await asyncio.gather(shared.all_left.wait(), shared.sessions.finish(GONE))
            # Some may have been left by connections that broke meanwhile.
            await shared.sessions.finish(GONE)
    except TimeoutError:
        return False
    return True
