"""curl: README's commands as they stand there but for the port, and forms."""

import json
import shlex
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.e2e.compatibility import proves
from tests.e2e.conftest import VOSKS_PORT, RunningServer
from tests.e2e.foreign import run_program, tool
from tests.e2e.test_speech import wrong_words


pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]

README = ROOT / "README.md"


def shown_command(path: str, port: int) -> list[str]:
    """Return the words of the one command for a path, less its first."""
    lines = README.read_text("utf-8").splitlines()
    (line,) = [x for x in lines if x.startswith("$ curl") and x.endswith(path)]
    return shlex.split(line.replace(f":{VOSKS_PORT}/", f":{port}/"))[2:]


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(
            "/inference",
            marks=proves("whisper.cpp server", "README's command", "curl"),
        ),
        pytest.param(
            "/v1/audio/transcriptions",
            marks=proves("OpenAI audio", "README's command", "curl"),
        ),
    ],
)
async def test_curl_gets_the_text_of_a_file(server: RunningServer, path: str) -> None:
    arguments = shown_command(path, server.port)
    said = await run_program(tool("curl"), *arguments, folder=ROOT)
    assert wrong_words(json.loads(said)["text"]) <= 1


async def form_posted(url: str, wav: Path, *fields: str) -> str:
    """Send a file and fields with curl, and return what it prints."""
    parts = [part for field in (f"file=@{wav}", *fields) for part in ("-F", field)]
    return await run_program(tool("curl"), "--silent", "--fail", *parts, url)


@proves("whisper.cpp server", "verbose_json, temperature", "curl")
async def test_curl_gets_segments_of_inference(
    server: RunningServer, jfk_wav: Path
) -> None:
    url = f"http://127.0.0.1:{server.port}/inference"
    fields = ("response_format=verbose_json", "temperature=0.0")
    said = json.loads(await form_posted(url, jfk_wav, *fields))
    assert wrong_words(" ".join(part["text"] for part in said["segments"])) <= 1


@proves("OpenAI audio", "words and segments, stream of events", "curl")
async def test_curl_gets_words_and_events_of_openai(
    server: RunningServer, jfk_wav: Path
) -> None:
    url = f"http://127.0.0.1:{server.port}/v1/audio/transcriptions"
    kinds = [f"timestamp_granularities[]={kind}" for kind in ("word", "segment")]
    verbose = ("model=whisper-1", "response_format=verbose_json", *kinds)
    said = json.loads(await form_posted(url, jfk_wav, *verbose))
    streamed = await form_posted(url, jfk_wav, "model=whisper-1", "stream=true")
    events = [json.loads(line[6:]) for line in streamed.splitlines() if line]
    assert wrong_words(" ".join(word["word"] for word in said["words"])) <= 1
    assert said["segments"]
    assert events[-1]["type"] == "transcript.text.done"
    assert wrong_words(events[-1]["text"]) <= 1
