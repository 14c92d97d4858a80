"""Forms and files that come slowly."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from whispercpp_ws.config import ListenConfig
from whispercpp_ws.errors import PeerError, SessionIdle
from whispercpp_ws.server.run import listening
from whispercpp_ws.server.upload import saved_body, uploaded


HEAD = (
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999\r\n"
    "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
)
PART = '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nab'


async def read_in_part(reader: Any, *, leaves: bool) -> PeerError:
    """Return the error of a body of which only a part comes."""
    caught: asyncio.Queue[PeerError] = asyncio.Queue()
    has_begun = asyncio.Event()

    async def handle(request: web.Request) -> web.Response:
        has_begun.set()
        with pytest.raises(PeerError) as info:
            async with reader(request, max_bytes=99, timeout_s=9 if leaves else 0.05):
                pass
        caught.put_nowait(info.value)
        return web.Response()

    app = web.Application()
    app.router.add_post("/", handle)
    # Not aiohttp's TestServer, which cancels the handler of a peer that leaves.
    async with listening(app, ListenConfig(port=0)) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write((HEAD + PART).encode())
        await has_begun.wait()
        if leaves:
            writer.close()
        async with asyncio.timeout(5):
            error = await caught.get()
        writer.close()
    return error


@pytest.mark.parametrize("reader", [uploaded, saved_body])
async def test_a_body_that_never_ends_is_given_up(reader: Any) -> None:
    error = await read_in_part(reader, leaves=False)
    assert isinstance(error, SessionIdle)
    assert "0.05 s" in str(error)


@pytest.mark.parametrize("reader", [uploaded, saved_body])
async def test_a_peer_that_leaves_is_no_defect(reader: Any) -> None:
    assert "a part of it" in str(await read_in_part(reader, leaves=True))
