"""WhisperLive's own Python clients."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.compatibility import proves
from tests.e2e.conftest import free_port, start_server
from tests.e2e.foreign import run_client
from tests.e2e.test_speech import wrong_words


pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]

SCRIPT = "whisper_live_client.py"


@pytest.fixture(scope="module")
def port(base_model: Path) -> Iterator[int]:
    """Start a server that listens for WhisperLive too."""
    port = free_port()
    for _ in start_server(base_model.parent, "--whisperlive-port", str(port)):
        yield port


@proves("WhisperLive", "file at its own pace, SRT", "whisper-live")
async def test_a_file_becomes_an_srt(port: int, jfk_wav: Path, tmp_path: Path) -> None:
    srt = tmp_path / "said.srt"
    said = await run_client(SCRIPT, "file", port, jfk_wav, srt)
    lines = srt.read_text("utf-8").splitlines()
    captions = [line for line in lines if line[:1] == " "]
    assert wrong_words(said["text"]) <= 1
    assert " ".join(line.strip() for line in captions) == said["text"]
    assert sum("-->" in line for line in lines) == len(captions)


@proves("WhisperLive", "stream with detected language, END_OF_AUDIO", "whisper-live")
async def test_a_stream_is_completed_at_its_end(
    port: int, jfk_wav: Path, tmp_path: Path
) -> None:
    said = await run_client(SCRIPT, "stream", port, jfk_wav, tmp_path / "none.srt")
    assert wrong_words(said["text"]) <= 1
