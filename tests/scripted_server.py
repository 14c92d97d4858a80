"""A WebSocket server on loopback that plays a script."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web


Script = Callable[[web.WebSocketResponse], Awaitable[None]]

READY = '{"type":"ready","session":"s1","model":"base-q8_0","lang":"en","offset":0}'
PARTIAL = (
    '{"type":"partial","utterance":1,"text":"ask not","stable":"ask",'
    '"ts":0.5,"te":1.0,"lag_ms":300}'
)
FINAL = (
    '{"type":"final","utterance":1,"text":"Ask not.","ts":0.5,"te":1.5,"lang":"en",'
    '"conf":0.9,"words":[{"word":"Ask","start":0.5,"end":0.8,"conf":0.9}],'
    '"lag_ms":200}'
)
WARNING = '{"type":"warning","code":"overload","message":"slow","step_ms":1500}'
END = '{"type":"end","offset":2.0,"finals":1}'
ERROR = (
    '{"type":"error","code":"unknown_model","message":"model: no such model",'
    '"retryable":false,"field":"model"}'
)


@asynccontextmanager
async def serving(script: Script) -> AsyncIterator[str]:
    """Accept connections and play the script on each; yields the address."""

    async def handle(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await script(socket)
        return socket

    async with serving_http(handle) as url:
        yield url


@asynccontextmanager
async def serving_http(
    handle: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> AsyncIterator[str]:
    """Answer GET /stt with `handle`; yields the WebSocket address."""
    app = web.Application()
    app.router.add_get("/stt", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"ws://{host}:{port}/stt"
    finally:
        await runner.cleanup()


async def received_until_end(socket: web.WebSocketResponse) -> list[str | bytes]:
    """Return every frame up to `{"op":"end"}`, or until the client leaves."""
    frames: list[str | bytes] = []
    async for frame in socket:
        frames.append(frame.data)
        if '"end"' in str(frame.data):
            break
    return frames


def playing(*texts: str) -> Script:
    """Make a script that sends the texts once the client has said `end`."""

    async def script(socket: web.WebSocketResponse) -> None:
        await socket.send_str(READY)
        await received_until_end(socket)
        for text in texts:
            await socket.send_str(text)

    return script
