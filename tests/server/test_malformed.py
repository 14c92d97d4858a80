"""What is no message of a dialect is that dialect's error and close, and no defect."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType

from tests.server.conftest import MakeSite
from tests.server.peers import Site
from whispercpp_ws.config import ListenConfig
from whispercpp_ws.server.whisperlive import whisperlive_listening
from whispercpp_ws.server.wyoming import wyoming_listening


@dataclass(frozen=True)
class Manners:
    """How a dialect takes what it does not understand."""

    path: str
    code: int
    """Of the close frame."""
    error: dict[str, Any] | None
    """What the last message before it has; None where there is no message."""
    greets: int = 0
    """Messages that come before anything is sent."""
    port: int = 0
    """Not 0 for WhisperLive, which has one of its own."""


REALTIME = "/v1/realtime?intent=transcription"
LISTEN = "/v1/listen?encoding=linear16&sample_rate=16000"
DIALECTS = {
    "native": Manners("/stt", 4400, {"type": "error", "retryable": False}),
    "vosk": Manners("/", 1011, None),
    "deepgram": Manners(LISTEN, 1008, {"type": "Error", "variant": "SchemaError"}),
    "whisperlivekit": Manners("/asr", 4400, {"type": "error"}, greets=1),
    "assemblyai": Manners("/v3/ws", 3006, {"type": "Error"}, greets=1),
    "whisperlive": Manners("/", 4400, {"status": "ERROR"}, port=1),
}
NONSENSE = [
    "nonsense",
    "",
    "[]",
    "7",
    '{"a":1,"a":2}',
    '{"a":NaN}',
    "[" * 100_000,
    '{"text":"\\ud800"}',
    "{" + '"a":{' * 5_000,
]


@asynccontextmanager
async def connected(
    site: Site, manners: Manners
) -> AsyncIterator[ClientWebSocketResponse]:
    """Connect, and read what a server says first."""
    async with whisperlive_listening(site.shared, ListenConfig()) as port:
        url = f"http://127.0.0.1:{port}{manners.path}"
        socket = await site.client.session.ws_connect(
            url if manners.port else site.client.make_url(manners.path)
        )
        for _ in range(manners.greets):
            await socket.receive_str()
        yield socket
        await socket.close()


async def rest(socket: ClientWebSocketResponse) -> list[Any]:
    messages = []
    async with asyncio.timeout(10):
        while (frame := await socket.receive()).type is WSMsgType.TEXT:
            messages.append(json.loads(frame.data))
    return messages


@pytest.mark.parametrize("text", NONSENSE, ids=range(len(NONSENSE)))
@pytest.mark.parametrize("name", DIALECTS)
async def test_nonsense_is_the_dialects_error_and_close(
    make_site: MakeSite, caplog: pytest.LogCaptureFixture, name: str, text: str
) -> None:
    manners, site = DIALECTS[name], await make_site()
    async with connected(site, manners) as socket:
        await socket.send_str(text)
        messages = await rest(socket)
        assert socket.close_code == manners.code
    if manners.error is None:
        assert messages == []
    else:
        assert messages[-1].items() >= manners.error.items()
    assert no_defects(caplog)


@pytest.mark.parametrize("text", NONSENSE, ids=range(len(NONSENSE)))
async def test_nonsense_leaves_a_realtime_session_open(
    make_site: MakeSite, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    site = await make_site()
    async with connected(site, Manners(REALTIME, 1000, None, greets=1)) as socket:
        await socket.send_str(text)
        error = (await socket.receive_json())["error"]
        assert error["type"] == "invalid_request_error"
        await socket.send_str('{"type":"input_audio_buffer.clear"}')
        cleared = await socket.receive_json()
        assert cleared["type"] == "input_audio_buffer.cleared"
    assert no_defects(caplog)


@pytest.mark.parametrize(
    "name",
    ["native", "vosk", "deepgram", "whisperlivekit", "whisperlive", "assemblyai"],
)
async def test_frames_that_are_too_large_close_with_1009_or_the_dialects_code(
    make_site: MakeSite, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    manners, site = DIALECTS[name], await make_site()
    async with connected(site, manners) as socket:
        await socket.send_bytes(bytes((1 << 20) + 2))
        await rest(socket)
        assert socket.close_code in {1009, manners.code}
    assert no_defects(caplog)


@pytest.mark.parametrize("text", NONSENSE, ids=range(len(NONSENSE)))
async def test_nonsense_is_wyomings_error_and_the_end(
    make_site: MakeSite, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    site = await make_site()
    async with wyoming_listening(site.shared, "127.0.0.1", 0) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(text.encode() + b"\n")
        async with asyncio.timeout(10):
            (line,) = (await reader.read()).splitlines()
            writer.close()
            await site.shared.all_left.wait()
        await asyncio.sleep(0)
    assert json.loads(line)["type"] == "error"
    assert no_defects(caplog)


def no_defects(caplog: pytest.LogCaptureFixture) -> bool:
    """Tell whether nothing was logged as an error or with a traceback."""
    return not any(r.levelno >= logging.ERROR or r.exc_info for r in caplog.records)
