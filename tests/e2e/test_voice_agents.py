"""Frameworks for voice agents, with their services for OpenAI and Deepgram."""

from pathlib import Path

import pytest

from tests.e2e.compatibility import proves
from tests.e2e.conftest import RunningServer
from tests.e2e.foreign import run_client
from tests.e2e.test_speech import wrong_words


pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]


@pytest.fixture
def jfk_file(jfk_pcm: bytes, tmp_path: Path) -> Path:
    """The sample without a header."""
    path = tmp_path / "jfk.pcm"
    path.write_bytes(jfk_pcm)
    return path


async def livekit(server: RunningServer, pcm: Path, vendor: str) -> None:
    """Require texts that change until they settle."""
    said = await run_client("livekit_client.py", vendor, server.port, pcm)
    assert said["interim_transcript"]
    assert wrong_words(" ".join(said["final_transcript"])) <= 1


async def pipecat(server: RunningServer, pcm: Path, vendor: str) -> None:
    """Require the texts of a turn that pipecat's own voice detector ends."""
    said = await run_client("pipecat_client.py", vendor, server.port, pcm)
    assert wrong_words(" ".join(said["finals"])) <= 1


@proves(
    "Deepgram live", "interim and final texts of an agent", "livekit-plugins-deepgram"
)
async def test_livekit_hears_deepgrams_results(
    server: RunningServer, jfk_file: Path
) -> None:
    await livekit(server, jfk_file, "deepgram")


@proves("OpenAI Realtime", "turns of an agent", "livekit-plugins-openai")
async def test_livekit_hears_realtime_turns(
    server: RunningServer, jfk_file: Path
) -> None:
    await livekit(server, jfk_file, "openai")


@proves("Deepgram live", "a turn of a pipeline, Finalize", "pipecat-ai")
async def test_pipecat_hears_what_it_finalizes(
    server: RunningServer, jfk_file: Path
) -> None:
    await pipecat(server, jfk_file, "deepgram")


@proves("OpenAI Realtime", "a turn of a pipeline, by commit", "pipecat-ai")
async def test_pipecat_hears_what_it_commits(
    server: RunningServer, jfk_file: Path
) -> None:
    await pipecat(server, jfk_file, "openai")
