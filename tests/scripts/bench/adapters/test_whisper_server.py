import hashlib
import io
import sys
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from scripts.bench.adapters.process import BenchError
from scripts.bench.adapters.whisper_server import (
    WhisperServer,
    WhisperServerOptions,
    post,
    wav_bytes,
)
from scripts.bench.audio import StreamAudio
from tests.scripts.bench.lines import sound


PROGRAM = f"""#!{sys.executable}
import http.server, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(500 if b"broken" in MODEL else 200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b'{{"text": "ask not"}}')

options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
MODEL = options["--model"].encode()
address = options["--host"], int(options["--port"])
http.server.HTTPServer(address, Handler).serve_forever()
"""
AUDIO = StreamAudio(bytes(6_400), 16_000, 1, 0.0, 0.1)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program that takes whisper-server's options and always hears the same."""
    path = tmp_path / "whisper-server"
    path.write_text(PROGRAM)
    path.chmod(0o755)
    return path


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """Answers like whisper-server, with the language and size it got as the text."""

    async def infer(request: web.Request) -> web.Response:
        form = await request.post()
        file = form["file"]
        assert isinstance(file, web.FileField)
        size, language = len(file.file.read()), str(form["language"])
        return web.json_response({"text": f" {language} {size}\n"})

    app = web.Application()
    app.router.add_post("/inference", infer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}"
    await runner.cleanup()


async def test_a_recording_is_posted_and_its_text_returned(url: str) -> None:
    assert await post(url, b"RIFF", "ru") == "ru 4"


def test_the_recording_has_the_lead_but_not_the_tail() -> None:
    audio = sound(bytes(3_200))
    with wave.open(io.BytesIO(wav_bytes(audio))) as file:
        assert file.getnframes() / file.getframerate() == audio.lead_s + audio.seconds


async def test_a_clip_is_posted_when_it_is_said(program: Path, tmp_path: Path) -> None:
    options = WhisperServerOptions(program, Path("base.bin"))
    server = WhisperServer(options, tmp_path / "log")
    await server.start()
    try:
        found = await server.stream(AUDIO, "en")
        assert server.usage().memory_bytes > 0
    finally:
        await server.stop()
    assert (found.text, found.settled[0].end_s) == ("ask not", 0.1)
    assert found.settled[0].at_s > 0.1
    assert await server.counters() == {}


async def test_an_http_error_is_a_failure(program: Path, tmp_path: Path) -> None:
    options = WhisperServerOptions(program, Path("broken.bin"))
    server = WhisperServer(options, tmp_path / "log")
    await server.start()
    try:
        assert "500" in (await server.stream(AUDIO, "en")).failure
    finally:
        await server.stop()


async def test_a_program_that_ends_is_an_error_at_once(tmp_path: Path) -> None:
    path = tmp_path / "whisper-server"
    path.write_text(f"#!{sys.executable}\nraise SystemExit('no such model')")
    path.chmod(0o755)
    server = WhisperServer(WhisperServerOptions(path, Path("m")), tmp_path / "log")
    with pytest.raises(BenchError, match="no such model"):
        await server.start()


def test_the_build_is_the_programs_checksum(program: Path, tmp_path: Path) -> None:
    server = WhisperServer(WhisperServerOptions(program, Path("m")), tmp_path)
    assert hashlib.sha256(program.read_bytes()).hexdigest()[:12] in server.build
    missing = WhisperServer(WhisperServerOptions(Path("/no"), Path("m")), tmp_path)
    assert missing.build == "/no"


async def test_a_server_is_used_only_once_started(tmp_path: Path) -> None:
    server = WhisperServer(WhisperServerOptions(Path("p"), Path("m")), tmp_path)
    with pytest.raises(RuntimeError, match="started"):
        server.usage()
