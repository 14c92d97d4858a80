"""AssemblyAI's own clients: the Python one, and over TLS, which it wants, Node's."""

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.compatibility import proves
from tests.e2e.conftest import RunningServer
from tests.e2e.foreign import run_client
from tests.e2e.test_speech import wrong_words
from tests.e2e.tls import run_over_tls


pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]


def ended(told: list[Any], *, is_formatted: bool) -> str:
    """Join the turns that are over, in one of their two forms."""
    turns = [turn for turn in told if turn.get("end_of_turn")]
    return " ".join(
        turn["transcript"]
        for turn in turns
        if turn["turn_is_formatted"] == is_formatted
    )


@proves(
    "AssemblyAI", "turns bare and formatted, ForceEndpoint, Termination", "assemblyai"
)
async def test_the_python_client_hears_turns_to_their_end(
    server: RunningServer, jfk_file: Path
) -> None:
    told = await run_client("assemblyai_client.py", server.port, jfk_file)
    plain = ended(told, is_formatted=False)
    assert told[0]["type"] == "Begin"
    assert told[-1]["type"] == "Termination"
    assert told[-1]["audio_duration_seconds"] == 11
    assert "Error" not in {said["type"] for said in told}
    assert "SpeechStarted" in {said["type"] for said in told}
    assert wrong_words(ended(told, is_formatted=True)) <= 1
    assert wrong_words(plain) <= 1
    assert plain == plain.lower()


@proves("AssemblyAI", "turns over TLS, Termination", "assemblyai (npm)")
async def test_nodes_client_hears_turns_to_their_end(
    server: RunningServer, jfk_file: Path, tmp_path: Path
) -> None:
    script = "assemblyai_client.mjs"
    said = await run_over_tls(script, server.port, tmp_path, jfk_file)
    assert said["begin"]["type"] == "Begin"
    assert "error" not in said
    assert wrong_words(ended(said["turns"], is_formatted=True)) <= 1
