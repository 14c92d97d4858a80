"""
whisper.cpp's own `whisper-server`: one HTTP request for a whole recording.

It has no stream and no endpoint. The clip is "recorded" at real-time pace and posted
when its last sample is spoken, as a client would that knows when to stop; its delay
therefore has no endpoint in it, and there are no partials. Its options, such as the
number of threads, stay at its own defaults.
"""

import asyncio
import io
import socket
import time
import wave
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from scripts.bench.adapters.process import (
    POLL_S,
    START_S,
    BenchError,
    ServerProcess,
    Usage,
)
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

    def __init__(self, options: WhisperServerOptions, log: Path) -> None:
        self._options = options
        self._log = log
        self._process: ServerProcess | None = None
        self._url = ""
        self.title = f"whisper-server, {options.model.name}"

    async def start(self) -> None:
        """Start it and wait until it accepts connections."""
        port = _free_port()
        self._url = f"http://127.0.0.1:{port}"
        self._process = ServerProcess.spawn(self._options.command(port), self._log)
        await accepting(port)

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


async def accepting(port: int, *, wait_s: float = START_S) -> None:
    """Wait until the port takes connections; raises BenchError after `wait_s`."""
    give_up_s = time.monotonic() + wait_s
    while time.monotonic() < give_up_s:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionError:
            await asyncio.sleep(POLL_S)
            continue
        writer.close()
        return
    raise BenchError(f"nothing listens on port {port} after {wait_s:.0f} s")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
