"""
whisper.cpp's own `whisper-server`: one HTTP request for a whole recording.

It has no stream and no endpoint. The clip is "recorded" at real-time pace and posted
when its last sample is spoken, as a client would that knows when to stop; its delay
therefore has no endpoint in it, and there are no partials. Its options, such as the
number of threads, stay at its own defaults.
"""

import asyncio
import hashlib
import io
import shutil
import time
import wave
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from scripts.bench.adapters.process import ServerProcess, Usage, free_port
from scripts.bench.audio import StreamAudio
from scripts.bench.timeline import SettledText, Timeline


REQUEST_S = 600.0
"""Longest answer: a long recording on a busy machine."""


@dataclass(frozen=True, slots=True)
class WhisperServerOptions:
    """Which program and which model file."""

    program: Path
    model: Path

    def command(self, port: int) -> list[str]:
        """Return the command line."""
        return [
            *(str(self.program), "--model", str(self.model)),
            *("--host", "127.0.0.1", "--port", str(port)),
        ]


class WhisperServer:
    """An adapter; see `base.Adapter`."""

    has_finals = True

    def __init__(self, options: WhisperServerOptions, log: Path) -> None:
        self._options = options
        self._log = log
        self._process: ServerProcess | None = None
        self._url = ""
        self.title = f"whisper-server, {options.model.name}"

    @property
    def build(self) -> str:
        """Name the program by its checksum: it does not say its version."""
        found = shutil.which(self._options.program)
        if found is None:
            return str(self._options.program)
        return f"{Path(found).name}, SHA-256 {_sha256(Path(found))[:12]}…"

    async def start(self) -> None:
        """Start it and wait until it accepts connections."""
        port = free_port()
        self._url = f"http://127.0.0.1:{port}"
        self._process = ServerProcess.spawn(self._options.command(port), self._log)
        await self._process.accepting(port)

    async def stream(self, audio: StreamAudio, language: str) -> Timeline:
        """Wait as long as the clip takes to say, then post it."""
        start_s = time.monotonic()
        spoken_s = audio.lead_s + audio.seconds
        await asyncio.sleep(spoken_s)
        try:
            text = await post(self._url, wav_bytes(audio), language)
        except (TimeoutError, aiohttp.ClientError) as error:
            return Timeline(failure=f"{type(error).__name__}: {error}")
        at_s = time.monotonic() - start_s
        final = SettledText(at_s, 1, text, audio.lead_s, spoken_s)
        return Timeline(settled=(final,), closed_s=at_s)

    def usage(self) -> Usage:
        """Measure the server."""
        return self._started().usage()

    async def counters(self) -> dict[str, float]:
        """Return nothing: it counts nothing."""
        return {}

    async def stop(self) -> None:
        """End the server."""
        await self._started().stop()

    def _started(self) -> ServerProcess:
        if self._process is None:
            raise RuntimeError("expected a started server")
        return self._process


async def post(url: str, wav: bytes, language: str) -> str:
    """Post a recording and return its text; raises ClientError and TimeoutError."""
    form = aiohttp.FormData()
    form.add_field("file", wav, filename="clip.wav", content_type="audio/wav")
    form.add_field("response_format", "json")
    form.add_field("language", language)
    timeout = aiohttp.ClientTimeout(total=REQUEST_S)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        async with http.post(f"{url}/inference", data=form) as response:
            response.raise_for_status()
            body = await response.json()
    return str(body.get("text", "")).strip()


def wav_bytes(audio: StreamAudio) -> bytes:
    """Return the clip with its leading silence as a WAV file."""
    size = round((audio.lead_s + audio.seconds) * audio.rate) * 2 * audio.channels
    memory = io.BytesIO()
    with wave.open(memory, "wb") as file:
        file.setnchannels(audio.channels)
        file.setsampwidth(2)
        file.setframerate(audio.rate)
        file.writeframes(audio.pcm[:size])
    return memory.getvalue()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
