"""
Test clients out of the repositories of other servers, from checkouts of them.

VOSK_SERVER_CHECKOUT and WHISPERLIVEKIT_CHECKOUT name the folders. What they hold is not
ours to copy; without them these tests are skipped.
"""

import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.compatibility import proves
from tests.e2e.conftest import RunningServer, start_server
from tests.e2e.foreign import checkout, foreign_python, run_program
from tests.e2e.test_speech import wrong_words


pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]

VOSK_PORT = 2700
"""Most of vosk-server's clients have it written into them."""


@pytest.fixture(scope="module")
def vosk_samples(base_model: Path) -> Iterator[Path]:
    """Serve on the port of vosk-server, and return the folder of its clients."""
    folder = checkout("vosk-server")
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", VOSK_PORT)) == 0:
            pytest.skip(f"port {VOSK_PORT} is taken")
    for _ in start_server(base_model.parent, "--port", str(VOSK_PORT)):
        yield folder


def replies(output: str) -> list[Any]:
    """Read what a client prints: each reply as it came, on one line or several."""
    found, decoder, rest = [], json.JSONDecoder(), output.strip()
    while rest:
        reply, end = decoder.raw_decode(rest)
        found.append(reply)
        rest = rest[end:].strip()
    return found


@proves("Vosk", "unmodified test.py, asr-test-client.py", "vosk-server")
@pytest.mark.parametrize(
    "script",
    [
        "websocket/test.py",
        "client-samples/python/asr-test.py",
        "client-samples/python/asr-test-client.py",
    ],
)
async def test_vosks_lock_step_clients_print_the_text(
    vosk_samples: Path, jfk_wav: Path, script: str
) -> None:
    output = await run_program(foreign_python(), vosk_samples / script, jfk_wav)
    text = " ".join(reply.get("text", "") for reply in replies(output))
    assert wrong_words(text) <= 1


@proves("Vosk", "unmodified test_words.py", "vosk-server")
async def test_vosks_client_with_a_grammar_gets_no_words(
    vosk_samples: Path, jfk_wav: Path
) -> None:
    script = vosk_samples / "websocket/test_words.py"
    said = replies(await run_program(foreign_python(), script, jfk_wav))
    text = " ".join(reply.get("text", "") for reply in said)
    assert not any("result" in reply for reply in said)
    # Its grammar has digits only: here that is a hint, and a misleading one.
    assert wrong_words(text) <= 3


@proves("Vosk", "unmodified test_alternatives.py", "vosk-server")
async def test_vosks_client_gets_alternatives(
    vosk_samples: Path, jfk_wav: Path
) -> None:
    script = vosk_samples / "websocket/test_alternatives.py"
    said = replies(await run_program(foreign_python(), script, jfk_wav))
    best = [r["alternatives"][0]["text"] for r in said if "alternatives" in r]
    assert wrong_words(" ".join(best)) <= 1


@proves("Vosk", "unmodified test_srt.py", "vosk-server")
async def test_vosks_client_writes_an_srt(vosk_samples: Path, jfk_wav: Path) -> None:
    script = vosk_samples / "websocket/test_srt.py"
    output = await run_program(foreign_python(), script, jfk_wav)
    lines = output.splitlines()
    said = [line for line in lines if "-->" not in line and not line.isdigit()]
    assert sum("-->" in line for line in lines) > 1
    assert wrong_words(" ".join(said)) <= 1


@proves("Vosk", "unmodified test_ffmpeg.py", "vosk-server")
async def test_vosks_client_sends_what_ffmpeg_decodes(
    vosk_samples: Path, jfk_wav: Path
) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs ffmpeg")
    script = vosk_samples / "websocket/test_ffmpeg.py"
    said = replies(await run_program(foreign_python(), script, jfk_wav))
    assert wrong_words(" ".join(reply.get("text", "") for reply in said)) <= 1


@proves("WhisperLiveKit", "unmodified test_client.py", "WhisperLiveKit")
@pytest.mark.parametrize("mode", [[], ["--diff"]])
async def test_whisperlivekits_client_gets_every_line(
    server: RunningServer, jfk_wav: Path, mode: list[str]
) -> None:
    folder = checkout("WhisperLiveKit")
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs ffmpeg")
    script = folder / "whisperlivekit/test_client.py"
    url = f"ws://127.0.0.1:{server.port}/asr"
    options = ["--url", url, "--speed", "0", "--language", "en", *mode]
    output = await run_program(foreign_python(), script, jfk_wav, *options)
    assert wrong_words(said_by_lines(output)) <= 1


def said_by_lines(output: str) -> str:
    """Take the text out of what the client prints: times in brackets before it."""
    lines = [line for line in output.splitlines() if line.startswith("[")]
    assert len(lines) > 1
    return " ".join(line.partition("]")[2] for line in lines)
