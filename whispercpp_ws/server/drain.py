"""Stop without losing a word: no new sessions, all finals, then the close frames."""

import asyncio

from aiohttp import web

from whispercpp_ws.server.keys import SHARED


DRAIN_S = 25.0
"""Longest drain; a 25 s utterance decodes in a fraction of it, and supervisors kill
after 30 s or more."""


async def drain(app: web.Application, *, timeout_s: float = DRAIN_S) -> bool:
    """
    Ask every connection to end and wait until all have; False when time ran out.

    `/health/ready` says 503 from the first moment, so that no new peers are sent.
    """
    shared = app[SHARED]
    shared.is_draining = True
    for connection in list(shared.connections):
        connection.drain()
    try:
        async with asyncio.timeout(timeout_s):
            await shared.all_left.wait()
    except TimeoutError:
        return False
    return True
