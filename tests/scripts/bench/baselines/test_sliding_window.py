from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, web

from scripts.bench.baselines.sliding_window import (
    STEP_BYTES,
    WINDOW_BYTES,
    Window,
    application,
)


STEP = bytes(STEP_BYTES)


def count(pcm: bytes, language: str | None) -> str:
    """Say how much there is to transcribe, in which language."""
    return f"{len(pcm) / 32_000:.0f} s in {language}"


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """The server, with a model that counts."""
    runner = web.AppRunner(application(count))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}/"
    await runner.cleanup()


async def texts_of(url: str, frames: list[bytes], query: str = "") -> list[str]:
    """Every text of a stream with these frames."""
    async with ClientSession() as http, http.ws_connect(url + query) as socket:
        for frame in frames:
            await socket.send_bytes(frame)
        await socket.send_str("end")
        return [message.json()["text"] async for message in socket]


def test_it_is_time_after_every_two_seconds() -> None:
    window = Window()
    half = bytes(STEP_BYTES // 2)
    assert [window.add(half) for _ in range(4)] == [False, True, False, True]


def test_only_the_last_eight_seconds_are_kept() -> None:
    window = Window()
    for _ in range(5):
        window.add(STEP)
    assert len(window.pcm) == WINDOW_BYTES


async def test_the_window_is_transcribed_anew_as_it_slides(url: str) -> None:
    found = await texts_of(url, [STEP] * 5, "?language=en")
    assert found == ["2 s in en", "4 s in en", "6 s in en", "8 s in en", "8 s in en"]


async def test_a_stream_without_a_language_has_it_detected(url: str) -> None:
    assert await texts_of(url, [STEP], "?language=") == ["2 s in None"]


async def test_what_is_short_of_two_seconds_is_never_looked_at(url: str) -> None:
    assert await texts_of(url, [STEP[:-2]]) == []
