"""Forms and files that come slowly."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData, web
from aiohttp.test_utils import TestClient, TestServer

from whispercpp_ws.config import ListenConfig
from whispercpp_ws.errors import PeerError, SessionIdle, UploadNotKept
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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk")
@pytest.mark.parametrize("reader", [uploaded, saved_body])
async def test_a_full_disk_is_not_the_peers_fault(
    reader: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "upload").symlink_to("/dev/full")
    monkeypatch.setattr(tempfile, "TemporaryDirectory", lambda **_: at(tmp_path))
    assert "No space left" in str(await read_whole(reader))


@pytest.mark.parametrize("reader", [uploaded, saved_body])
async def test_a_disk_on_which_no_folder_can_be_made_is_said_to_be_full(
    reader: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    assert "cannot be kept" in str(await read_whole(reader))


@contextmanager
def at(folder: Path) -> Iterator[str]:
    yield str(folder)


async def read_whole(reader: Any) -> UploadNotKept:
    """Return the error of an upload that comes whole."""
    caught: list[UploadNotKept] = []

    async def handle(request: web.Request) -> web.Response:
        with pytest.raises(UploadNotKept) as info:
            async with reader(request, max_bytes=999):
                pass
        caught.append(info.value)
        return web.Response()

    app = web.Application()
    app.router.add_post("/", handle)
    form = FormData(quote_fields=False)
    form.add_field("file", b"speech", filename="a")
    async with TestClient(TestServer(app)) as client:
        assert (await client.post("/", data=form)).status == 200
    return caught[0]
