"""What is no message of a dialect is that dialect's error and close, and no defect."""

import asyncio
import io
import json
import logging
import struct
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, FormData, WSMsgType
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.server.conftest import MakeSite
from tests.server.peers import ScriptedDecoder, Site, finals, say, start
from tests.server.peers import rest as rest_of
from whispercpp_ws.config import Config, ListenConfig
from whispercpp_ws.metrics import Metrics
from whispercpp_ws.server.app import create_app
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


NAN = struct.pack("<f", float("nan")) * 400


def telephone_header() -> bytes:
    """Return the start of a WAV file of 8 kHz."""
    file = io.BytesIO()
    with wave.open(file, "wb") as audio:
        audio.setparams((1, 2, 8000, 0, "NONE", ""))
        audio.writeframes(bytes(320))
    return file.getvalue()


UNFORMATTED = replace(DIALECTS["deepgram"], path="/v1/listen")
OPEN_REALTIME = Manners(REALTIME, 4400, {"type": "error"}, greets=1)


@pytest.mark.parametrize(
    ("manners", "frames"),
    [
        (DIALECTS["native"], [b"\0\0"]),
        (DIALECTS["native"], ['{"op":"start","format":"f32le"}', NAN]),
        (DIALECTS["whisperlive"], [NAN]),
        (DIALECTS["whisperlive"], ['{"uid":"u"}', NAN]),
        (DIALECTS["whisperlivekit"], [telephone_header()]),
        (UNFORMATTED, [b"no recording"]),
        (OPEN_REALTIME, [b"\0\0"]),
    ],
)
async def test_audio_that_is_none_is_the_dialects_error_and_close(
    make_site: MakeSite,
    caplog: pytest.LogCaptureFixture,
    manners: Manners,
    frames: list[str | bytes],
) -> None:
    async with connected(await make_site(), manners) as socket:
        for frame in frames:
            await send(socket, frame)
        messages = await rest(socket)
        assert socket.close_code == manners.code
    assert manners.error is not None
    assert messages[-1].items() >= manners.error.items()
    assert no_defects(caplog)


@pytest.mark.parametrize("name", DIALECTS)
async def test_text_that_is_no_utf_8_closes_with_1007(
    make_site: MakeSite, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    async with connected(await make_site(), DIALECTS[name]) as socket:
        await socket.send_frame(b"\xff\xfe", WSMsgType.TEXT)
        await rest(socket)
        assert socket.close_code == 1007
    assert no_defects(caplog)


@pytest.mark.parametrize("name", DIALECTS)
async def test_a_neighbours_nonsense_disturbs_nobody(
    make_site: MakeSite, speech: bytes, name: str
) -> None:
    site = await make_site()
    quiet = await heard_beside(site, speech, None)
    assert quiet
    assert await heard_beside(site, speech, DIALECTS[name]) == quiet


async def heard_beside(
    site: Site, speech: bytes, neighbour: Manners | None
) -> list[str]:
    """Return the finals of a session in whose middle another talks nonsense."""
    socket = await site.connect()
    await start(socket)
    await say(socket, speech[:96_000])
    if neighbour is not None:
        async with connected(site, neighbour) as spoiled:
            await spoiled.send_str("nonsense")
            await rest(spoiled)
    await say(socket, speech[96_000:])
    await socket.send_str('{"op":"end"}')
    return finals(await rest_of(socket))


ANY_FRAMES = st.lists(st.text(max_size=30) | st.binary(max_size=64), max_size=5)
EVERYBODY = DIALECTS | {"unformatted": UNFORMATTED, "realtime": OPEN_REALTIME}


@given(ANY_FRAMES, st.sampled_from(sorted(EVERYBODY)))
@settings(max_examples=40)
def test_any_frames_end_with_the_dialects_close_and_no_defect(
    frames: list[str | bytes], name: str
) -> None:
    code, defects = asyncio.run(outcome(frames, EVERYBODY[name]))
    assert code in {1000, EVERYBODY[name].code}
    assert defects == []


async def outcome(
    frames: list[str | bytes], manners: Manners
) -> tuple[int | None, list[str]]:
    """Send frames to a server of their own; return the close code and its defects."""
    metrics, defects = Metrics(), Defects()
    app = create_app(Config(), ScriptedDecoder(), metrics)
    with defects:
        async with (
            TestClient(TestServer(app)) as client,
            connected(Site(app, client, metrics), manners) as socket,
        ):
            # The server may be gone before the last of them.
            with suppress(ConnectionError):
                for frame in frames:
                    await send(socket, frame)
            await socket.close()
    return socket.close_code, defects.found


MAGICS = st.sampled_from(
    [b"", b"RIFF\x24\0\0\0WAVEfmt ", b"fLaC\0\0\0\x22", b"OggS\0\x02", b"\xff\xfb\x90"]
)
ANY_FILE = st.builds(lambda magic, rest: magic + rest, MAGICS, st.binary(max_size=99))
FILE_ERRORS = {
    "/inference": "error",
    "/v1/audio/transcriptions": "error",
    "/v1/listen": "err_code",
}
"""Where a file is sent to, and what the refusal of one has."""


@given(ANY_FILE, st.sampled_from(sorted(FILE_ERRORS)))
@settings(max_examples=40)
def test_any_file_is_heard_or_refused_in_the_dialects_form(
    data: bytes, path: str
) -> None:
    status, body, defects = asyncio.run(answer(data, path))
    assert status == 200 or (status == 400 and FILE_ERRORS[path] in body)
    assert defects == []


async def answer(data: bytes, path: str) -> tuple[int, Any, list[str]]:
    """Send a file to a server of its own; return what it says, and its defects."""
    form = FormData({"model": "whisper-1"})
    form.add_field("file", data, filename="a.wav")
    app, defects = create_app(Config(), ScriptedDecoder(), Metrics()), Defects()
    with defects:
        async with TestClient(TestServer(app)) as client:
            sent = data if path == "/v1/listen" else form
            response = await client.post(path, data=sent)
            return response.status, await response.json(), defects.found


class Defects(logging.Handler):
    """What is logged within a block as an error, or with a traceback."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what is a defect."""
        if is_defect(record):
            self.found.append(record.getMessage())

    def __enter__(self) -> "Defects":
        logging.getLogger().addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().removeHandler(self)


async def send(socket: ClientWebSocketResponse, frame: str | bytes) -> None:
    if isinstance(frame, str):
        await socket.send_str(frame)
    else:
        await socket.send_bytes(frame)


def is_defect(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR or bool(record.exc_info)


def no_defects(caplog: pytest.LogCaptureFixture) -> bool:
    """Tell whether nothing was logged as an error or with a traceback."""
    return not any(map(is_defect, caplog.records))
