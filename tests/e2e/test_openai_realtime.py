"""OpenAI's own Python package, on the realtime interface."""

import asyncio
import base64
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest

from tests.e2e.compatibility import proves
from tests.e2e.conftest import RunningServer
from tests.e2e.foreign import run_client
from tests.e2e.speaking import cut
from tests.e2e.test_speech import resampled, wrong_words
from tests.e2e.tls import run_over_tls


pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]

COMPLETED = "conversation.item.input_audio_transcription.completed"


def as_24_khz(pcm: bytes) -> bytes:
    samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)
    # 1.5 times as many samples: the rate goes from 16 to 24 kHz.
    return bytes((resampled(samples, 24000) * 32767).astype("<i2"))


async def converse(
    port: int, pcm: bytes, turn_detection: dict[str, Any] | None
) -> list[Any]:
    """Stream audio, commit, clear, and collect until every item is completed."""
    client = openai.AsyncOpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="x")
    query = {"intent": "transcription"}
    events: list[Any] = []
    async with client.realtime.connect(extra_query=query) as connection:
        events.append(await connection.recv())
        given = {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": {"model": "whisper-1", "language": "en"},
            "turn_detection": turn_detection,
        }
        session: Any = {"type": "transcription", "audio": {"input": given}}
        await connection.session.update(session=session)
        events.append(await connection.recv())
        for chunk in cut(pcm, 9600):
            audio = base64.b64encode(chunk).decode()
            await connection.input_audio_buffer.append(audio=audio)
            await asyncio.sleep(0.01)
        await connection.input_audio_buffer.commit()
        await connection.input_audio_buffer.clear()
        while not is_over(events):
            events.append(await connection.recv())
    return events


def is_over(events: list[Any]) -> bool:
    kinds = [event.type for event in events]
    items = kinds.count("input_audio_buffer.committed")
    is_cleared = "input_audio_buffer.cleared" in kinds
    return is_cleared and kinds.count(COMPLETED) == items


@proves("OpenAI Realtime", "server_vad and semantic_vad turns", "openai")
@pytest.mark.parametrize("kind", ["server_vad", "semantic_vad"])
async def test_turns_are_found_and_each_is_completed(
    server: RunningServer, jfk_pcm: bytes, kind: str
) -> None:
    events = await converse(server.port, as_24_khz(jfk_pcm), {"type": kind})
    kinds = [event.type for event in events]
    said = " ".join(e.transcript for e in events if e.type == COMPLETED)
    assert kinds[:2] == ["session.created", "session.updated"]
    assert "input_audio_buffer.speech_started" in kinds
    assert "conversation.item.added" in kinds
    assert wrong_words(said) <= 1


@proves("OpenAI Realtime", "turns by commit", "openai")
async def test_without_turn_detection_a_commit_is_one_item(
    server: RunningServer, jfk_pcm: bytes
) -> None:
    events = await converse(server.port, as_24_khz(jfk_pcm), None)
    completed = [event for event in events if event.type == COMPLETED]
    assert len(completed) == 1
    assert wrong_words(completed[0].transcript) <= 1


@proves("OpenAI Realtime", "client secrets", "openai")
async def test_a_client_secret_opens_the_socket(server: RunningServer) -> None:
    url = f"http://127.0.0.1:{server.port}/v1"
    session: Any = {"type": "transcription"}
    async with openai.AsyncOpenAI(base_url=url, api_key="x") as client:
        made = await client.realtime.client_secrets.create(session=session)
    page = openai.AsyncOpenAI(base_url=url, api_key=made.value)
    query = {"intent": "transcription"}
    async with page.realtime.connect(extra_query=query) as connection:
        created: Any = await connection.recv()
    assert made.session.type == "transcription"
    assert created.type == "session.created"


@pytest.fixture
def wide_file(jfk_pcm: bytes, tmp_path: Path) -> Path:
    """The sample at 24 kHz, without a header."""
    path = tmp_path / "jfk-24.pcm"
    path.write_bytes(as_24_khz(jfk_pcm))
    return path


@proves("OpenAI Realtime", "turns over TLS", "openai (npm)")
async def test_nodes_package_hears_turns_over_tls(
    server: RunningServer, wide_file: Path, tmp_path: Path
) -> None:
    script = "openai_realtime_client.mjs"
    said = await run_over_tls(script, server.port, tmp_path, wide_file)
    completed = [e["transcript"] for e in said["events"] if e["type"] == COMPLETED]
    assert said["code"] == 1000
    assert len(completed) > 1
    assert wrong_words(" ".join(completed)) <= 1


@proves("OpenAI Realtime", "turns of a voice pipeline", "openai-agents")
async def test_the_agents_package_hears_turns_and_ends(
    server: RunningServer, wide_file: Path
) -> None:
    said = await run_client("openai_agents_client.py", server.port, wide_file)
    assert len(said["turns"]) > 1
    assert wrong_words(" ".join(said["turns"])) <= 1


@proves("OpenAI Realtime", "subprotocols of browsers", "ws (npm)")
async def test_a_browsers_subprotocols_are_answered(server: RunningServer) -> None:
    url = f"ws://127.0.0.1:{server.port}/v1/realtime?intent=transcription"
    key = "openai-insecure-api-key.x"
    said = await run_client("websocket_client.mjs", url, "realtime", key)
    assert said == {"protocol": "realtime"}
