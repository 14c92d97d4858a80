"""Forms that come slowly."""

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from whispercpp_ws.errors import SessionIdle
from whispercpp_ws.server.upload import uploaded


async def test_a_form_that_never_ends_is_given_up() -> None:
    caught: list[Exception] = []
    is_over = asyncio.Event()

    async def handle(request: web.Request) -> web.Response:
        with pytest.raises(SessionIdle) as info:
            async with uploaded(request, max_bytes=99, timeout_s=0.05):
                pass
        caught.append(info.value)
        is_over.set()
        return web.Response()

    app = web.Application()
    app.router.add_post("/", handle)
    server = TestServer(app)
    async with TestClient(server):
        _, writer = await asyncio.open_connection(server.host, server.port)
        head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999\r\n"
        writer.write(
            f"{head}Content-Type: multipart/form-data; boundary=x\r\n\r\n--x".encode()
        )
        async with asyncio.timeout(5):
            await is_over.wait()
        writer.close()
    assert "0.05 s" in str(caught[0])
