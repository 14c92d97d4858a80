"""A WebSocket server on loopback that plays the part of another project's."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web


Part = Callable[[web.Request, web.WebSocketResponse], Awaitable[None]]


@asynccontextmanager
async def acting(part: Part) -> AsyncIterator[str]:
    """Play a part on every connection; yields the address."""

    async def handle(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await part(request, socket)
        return socket

    app = web.Application()
    app.router.add_get("/", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}/"
    finally:
        await runner.cleanup()


def pretending(said: str, script: str) -> str:
    """
    Return a program that stands in for the interpreter of an environment.

    Asked for versions it prints `said`; otherwise it runs `script`, in which `PORT` is
    the port it was given.
    """
    return f"""#!{sys.executable}
import sys
if sys.argv[1] == "-c":
    print({said!r})
    sys.exit()
PORT = int(sys.argv[sys.argv.index("--port") + 1])
{script}
"""
