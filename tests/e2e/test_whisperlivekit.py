"""
WhisperLiveKit's test client: as its loop is, and unmodified out of a checkout.

WHISPERLIVEKIT_CHECKOUT names the checkout; without it that test is skipped.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import websockets

from tests.e2e.compatibility import proves
from tests.e2e.conftest import RunningServer
from tests.e2e.foreign import checkout, foreign_python, run_program, tool
from tests.e2e.speaking import cut
from tests.e2e.test_speech import wrong_words


pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]


@proves("WhisperLiveKit", "full and diff modes, ready_to_stop", "websockets")
@pytest.mark.parametrize("mode", ["full", "diff"])
async def test_lines_come_until_the_server_is_ready_to_stop(
    server: RunningServer, jfk_pcm: bytes, mode: str
) -> None:
    url = f"ws://127.0.0.1:{server.port}/asr?language=en&mode={mode}"
    lines: list[Any] = []
    async with websockets.connect(url) as socket:
        assert json.loads(await socket.recv())["type"] == "config"
        for chunk in cut(jfk_pcm, 16_000):
            await socket.send(chunk)
        await socket.send(b"")
        while (message := json.loads(await socket.recv())).get("type") != (
            "ready_to_stop"
        ):
            lines = message.get("lines", lines) + message.get("new_lines", [])
        await socket.wait_closed()
        assert socket.close_code == 1000
    assert wrong_words(" ".join(line["text"] for line in lines)) <= 1


@proves("WhisperLiveKit", "unmodified test_client.py", "WhisperLiveKit")
@pytest.mark.parametrize("mode", [[], ["--diff"]])
async def test_its_own_client_gets_every_line(
    server: RunningServer, jfk_wav: Path, mode: list[str]
) -> None:
    script = checkout("WhisperLiveKit") / "whisperlivekit/test_client.py"
    tool("ffmpeg")
    url = f"ws://127.0.0.1:{server.port}/asr"
    options = ["--url", url, "--speed", "0", "--language", "en", *mode]
    output = await run_program(foreign_python(), script, jfk_wav, *options)
    # It prints times in brackets before each text.
    said = [line for line in output.splitlines() if line.startswith("[")]
    assert len(said) > 1
    assert wrong_words(" ".join(line.partition("]")[2] for line in said)) <= 1
