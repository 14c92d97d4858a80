"""Frameworks for voice agents, with their services for OpenAI and Deepgram."""

from pathlib import Path

import pytest

from tests.e2e.compatibility import proves
from tests.e2e.conftest import RunningServer
from tests.e2e.foreign import run_client
from tests.e2e.test_speech import wrong_words


pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]


def by_vendor(
    *, deepgram: pytest.MarkDecorator, openai: pytest.MarkDecorator
) -> pytest.MarkDecorator:
    """Run a test for the services of both vendors, each with what it proves."""
    marks = {"deepgram": deepgram, "openai": openai}
    return pytest.mark.parametrize(
        "vendor", [pytest.param(vendor, marks=mark) for vendor, mark in marks.items()]
    )


@by_vendor(
    deepgram=proves(
        "Deepgram live",
        "interim and final texts of an agent",
        "livekit-plugins-deepgram",
    ),
    openai=proves("OpenAI Realtime", "turns of an agent", "livekit-plugins-openai"),
)
async def test_livekit_hears_texts_that_change_until_they_settle(
    server: RunningServer, jfk_file: Path, vendor: str
) -> None:
    said = await run_client("livekit_client.py", vendor, server.port, jfk_file)
    assert said["interim_transcript"]
    assert wrong_words(" ".join(said["final_transcript"])) <= 1


@by_vendor(
    deepgram=proves("Deepgram live", "a turn of a pipeline, Finalize", "pipecat-ai"),
    openai=proves("OpenAI Realtime", "a turn of a pipeline, by commit", "pipecat-ai"),
)
async def test_pipecat_hears_a_turn_that_its_own_voice_detector_ends(
    server: RunningServer, jfk_file: Path, vendor: str
) -> None:
    said = await run_client("pipecat_client.py", vendor, server.port, jfk_file)
    assert wrong_words(" ".join(said["finals"])) <= 1
