"""Deepgram's own Python SDK, against the server."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.compatibility import proves
from tests.e2e.conftest import RunningServer
from tests.e2e.speaking import cut
from tests.e2e.test_speech import wrong_words


pytestmark = [
    pytest.mark.model,
    pytest.mark.timeout(180),
    # The SDK uses what websockets and pydantic have deprecated.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def sdk_client(port: int, **options: Any) -> Any:
    """Make a client as its users do for a server of their own."""
    from deepgram import AsyncDeepgramClient
    from deepgram.environment import DeepgramClientEnvironment

    http, ws = f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}"
    environment = DeepgramClientEnvironment(
        base=http, production=ws, agent=ws, agent_rest=http
    )
    return AsyncDeepgramClient(api_key="x", environment=environment, **options)


async def collect(
    socket: Any, messages: list[Any], has_interim: asyncio.Event | None = None
) -> None:
    async for message in socket:
        messages.append(message)
        if has_interim and message.type == "Results" and not message.is_final:
            has_interim.set()


@proves(
    "Deepgram live",
    "interim and final results, KeepAlive, Finalize, CloseStream",
    "deepgram-sdk",
)
async def test_the_sdk_gets_interim_and_final_results(
    server: RunningServer, jfk_pcm: bytes
) -> None:
    messages: list[Any] = []
    async with sdk_client(server.port).listen.v1.connect(
        model="nova-3",
        language="en",
        encoding="linear16",
        sample_rate=16000,
        interim_results="true",
        vad_events="true",
    ) as socket:
        has_interim = asyncio.Event()
        listener = asyncio.create_task(collect(socket, messages, has_interim))
        await socket.send_keep_alive()
        # In the middle of a sentence, where a busy machine has time to catch up.
        await socket.send_media(jfk_pcm[:64_000])
        await has_interim.wait()
        for chunk in cut(jfk_pcm[64_000:], 3200):
            await socket.send_media(chunk)
        await socket.send_finalize()
        await socket.send_close_stream()
        await listener
        assert socket._websocket.close_code == 1000
    results = [m for m in messages if m.type == "Results"]
    finals = [m for m in results if m.is_final]
    text = " ".join(m.channel.alternatives[0].transcript for m in finals)
    assert [m for m in results if not m.is_final]
    assert [m for m in messages if m.type == "SpeechStarted"]
    assert [m for m in finals if m.from_finalize]
    assert messages[-1].type == "Metadata"
    assert wrong_words(text) <= 1


@proves("Deepgram prerecorded", "a file, utterances, words", "deepgram-sdk")
async def test_the_sdk_gets_the_text_of_a_file(
    server: RunningServer, jfk_wav: Path
) -> None:
    wav = await asyncio.to_thread(jfk_wav.read_bytes)
    # The SDK would leave its own one open.
    async with httpx.AsyncClient(timeout=120) as http:
        media = sdk_client(server.port, httpx_client=http).listen.v1.media
        said = await media.transcribe_file(
            request=wav,
            model="nova-3",
            language="en",
            utterances=True,
            smart_format=True,
        )
    best = said.results.channels[0].alternatives[0]
    assert wrong_words(best.transcript) <= 1
    assert [word.punctuated_word for word in best.words] == best.transcript.split()
    assert len(said.results.utterances) > 1
    assert said.metadata.duration == pytest.approx(11.0)


@proves("Deepgram live", "ranges follow on each other", "deepgram-sdk")
async def test_the_sdks_results_follow_on_each_other(
    server: RunningServer, jfk_pcm: bytes
) -> None:
    messages: list[Any] = []
    async with sdk_client(server.port).listen.v1.connect(
        model="nova-3", language="en", encoding="linear16", sample_rate=16000
    ) as socket:
        listener = asyncio.create_task(collect(socket, messages))
        await socket.send_media(jfk_pcm)
        await socket.send_close_stream()
        await listener
    finals = [m for m in messages if m.type == "Results"]
    assert all(final.is_final for final in finals)
    for before, after in zip(finals, finals[1:], strict=False):
        assert after.start == pytest.approx(before.start + before.duration, abs=0.01)
