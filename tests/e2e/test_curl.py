"""README's commands for curl, as they stand there but for the port."""

import json
import shlex

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
