"""The `wyoming` package's own client, as Home Assistant uses it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.event import Event
from wyoming.info import Describe, Info

from tests.e2e.compatibility import proves
from tests.e2e.conftest import free_port, start_server
from tests.e2e.speaking import cut
from tests.e2e.test_speech import wrong_words


pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def wyoming_port(base_model: Path) -> Iterator[int]:
    """Start a server that listens for Wyoming too."""
    port = free_port()
    for _ in start_server(base_model.parent, "--wyoming-port", str(port)):
        yield port


@proves("Wyoming", "describe and info", "wyoming")
async def test_the_info_is_read_by_the_package(wyoming_port: int) -> None:
    async with AsyncTcpClient("127.0.0.1", wyoming_port) as client:
        await client.write_event(Describe().event())
        event = await client.read_event()
    assert event is not None
    (program,) = Info.from_event(event).asr
    assert program.installed
    assert "en" in program.models[0].languages


@proves("Wyoming", "streamed transcript", "wyoming")
async def test_speech_becomes_a_transcript(wyoming_port: int, jfk_pcm: bytes) -> None:
    events: list[Event] = []
    async with AsyncTcpClient("127.0.0.1", wyoming_port) as client:
        await client.write_event(Transcribe(language="en").event())
        await client.write_event(AudioStart(rate=16000, width=2, channels=1).event())
        for audio in cut(jfk_pcm, 2048):
            chunk = AudioChunk(rate=16000, width=2, channels=1, audio=audio)
            await client.write_event(chunk.event())
        await client.write_event(AudioStop().event())
        while (event := await client.read_event()) is not None:
            events.append(event)
    texts = [Transcript.from_event(e).text for e in events if e.type == "transcript"]
    assert len(texts) == 1
    assert wrong_words(texts[0]) <= 1
    assert events[-1].type == "transcript-stop"
