"""
What this repository's server hears of a clip, in each dialect that it speaks.

Each client sends a clip as fast as the server takes it, ends as the protocol ends, and
returns the settled text. They speak the wire by themselves; that the vendors' own
clients work is shown by tests/e2e.
"""

import asyncio
import base64
import json
import wave
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import aiohttp
import numpy as np
import soxr

from scripts.bench.adapters.pace import as_float32, as_pcm16
from whispercpp_ws.decoding import SAMPLE_RATE, Samples


CHUNK_S = 0.2
REALTIME_RATE = 24_000
"""The one rate of PCM that OpenAI's realtime interface has."""

Message = dict[str, Any]
Frame = str | bytes


@dataclass(frozen=True, slots=True)
class Ports:
    """Where one server listens."""

    web: int
    wyoming: int
    whisperlive: int

    @property
    def http(self) -> str:
        """Return the address of what is served over HTTP."""
        return f"http://127.0.0.1:{self.web}"


Client = Callable[[Ports, Samples, str], Awaitable[str]]
"""Return the text of samples at 16 kHz in a language."""


async def native(ports: Ports, samples: Samples, language: str) -> str:
    """Speak to `/stt`."""
    start = {"op": "start", "rate": SAMPLE_RATE, "lang": language, "partials": False}
    frames: list[Frame] = [json.dumps(start), *_pcm(samples), '{"op":"end"}']
    told = await _conversation(f"{ports.http}/stt", frames)
    return _joined(m["text"] for m in told if m["type"] == "final")


async def vosk(ports: Ports, samples: Samples, language: str) -> str:
    """Speak to `/` in lock step; the language is the server's, for there is no word."""
    texts = []
    frames: list[Frame] = [*_pcm(samples), '{"eof" : 1}']
    async with aiohttp.ClientSession() as http, http.ws_connect(ports.http) as socket:
        await socket.send_json({"config": {"sample_rate": SAMPLE_RATE}})
        for frame in frames:
            await _send(socket, frame)
            texts.append((await socket.receive_json()).get("text", ""))
    return _joined(texts)


async def whispercpp(ports: Ports, samples: Samples, language: str) -> str:
    """Post to `/inference`."""
    return await _posted(f"{ports.http}/inference", samples, language)


async def openai(ports: Ports, samples: Samples, language: str) -> str:
    """Post to `/v1/audio/transcriptions`."""
    url = f"{ports.http}/v1/audio/transcriptions"
    return await _posted(url, samples, language)


async def realtime(ports: Ports, samples: Samples, language: str) -> str:
    """Speak to `/v1/realtime`, turns found by the server."""
    completed = "conversation.item.input_audio_transcription.completed"
    given = {
        "format": {"type": "audio/pcm", "rate": REALTIME_RATE},
        "transcription": {"model": "whisper-1", "language": language},
        "turn_detection": {"type": "server_vad"},
    }
    session = {"type": "transcription", "audio": {"input": given}}
    wide = soxr.resample(samples, SAMPLE_RATE, REALTIME_RATE)
    appends = [
        {"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode()}
        for pcm in _pcm(wide, REALTIME_RATE)
    ]
    ends = [{"type": f"input_audio_buffer.{kind}"} for kind in ("commit", "clear")]
    messages = [{"type": "session.update", "session": session}, *appends, *ends]

    def is_over(told: list[Message]) -> bool:
        kinds = [message["type"] for message in told]
        turns = kinds.count("input_audio_buffer.committed")
        is_cleared = "input_audio_buffer.cleared" in kinds
        return is_cleared and kinds.count(completed) >= turns

    told = await _conversation(
        f"{ports.http}/v1/realtime?intent=transcription",
        [json.dumps(message) for message in messages],
        is_over,
    )
    return _joined(m["transcript"] for m in told if m["type"] == completed)


async def deepgram(ports: Ports, samples: Samples, language: str) -> str:
    """Speak to `/v1/listen`."""
    query = f"encoding=linear16&sample_rate={SAMPLE_RATE}&language={language}"
    frames: list[Frame] = [*_pcm(samples), '{"type":"CloseStream"}']
    told = await _conversation(f"{ports.http}/v1/listen?{query}", frames)
    finals = [m for m in told if m.get("is_final")]
    return _joined(m["channel"]["alternatives"][0]["transcript"] for m in finals)


async def wyoming(ports: Ports, samples: Samples, language: str) -> str:
    """Speak over TCP."""
    form = {"rate": SAMPLE_RATE, "width": 2, "channels": 1}
    reader, writer = await asyncio.open_connection("127.0.0.1", ports.wyoming)

    def send(kind: str, data: Message, payload: bytes = b"") -> None:
        header = {"type": kind, "data": data, "payload_length": len(payload)}
        writer.write(json.dumps(header).encode() + b"\n" + payload)

    try:
        send("transcribe", {"language": language})
        send("audio-start", form)
        for pcm in _pcm(samples):
            send("audio-chunk", form, pcm)
            await writer.drain()
        send("audio-stop", {})
        told = [json.loads(line) async for line in reader]
    finally:
        writer.close()
    return _joined(m["data"]["text"] for m in told if m["type"] == "transcript")


async def whisperlive(ports: Ports, samples: Samples, language: str) -> str:
    """Speak to the port of WhisperLive."""
    options = {"uid": "bench", "language": language}
    audio = [*map(as_float32, _cut(samples)), b"END_OF_AUDIO"]
    frames: list[Frame] = [json.dumps(options), *audio]
    told = await _conversation(f"http://127.0.0.1:{ports.whisperlive}", frames)
    segments = [segment for m in told for segment in m.get("segments", ())]
    # Each comes again and again, and never changes.
    completed = {s["start"]: s["text"].strip() for s in segments if s["completed"]}
    return _joined(completed.values())


async def whisperlivekit(ports: Ports, samples: Samples, language: str) -> str:
    """Speak to `/asr`."""
    url = f"{ports.http}/asr?language={language}&mode=full"
    told = await _conversation(url, [*_pcm(samples), b""])
    lines = [m["lines"] for m in told if "lines" in m]
    return _joined(line["text"] for line in lines[-1])


async def assemblyai(ports: Ports, samples: Samples, language: str) -> str:
    """Speak to `/v3/ws`, whose written turns are told last."""
    query = f"sample_rate={SAMPLE_RATE}&format_turns=true&language_code={language}"
    frames: list[Frame] = [*_pcm(samples), '{"type":"Terminate"}']
    told = await _conversation(f"{ports.http}/v3/ws?{query}", frames)
    return _joined(m["transcript"] for m in told if m.get("turn_is_formatted"))


CLIENTS: dict[str, Client] = {
    "native": native,
    "Vosk": vosk,
    "whisper.cpp": whispercpp,
    "OpenAI audio": openai,
    "OpenAI Realtime": realtime,
    "Deepgram": deepgram,
    "AssemblyAI": assemblyai,
    "Wyoming": wyoming,
    "WhisperLive": whisperlive,
    "WhisperLiveKit": whisperlivekit,
}


async def _conversation(
    url: str,
    frames: Iterable[Frame],
    is_over: Callable[[list[Message]], bool] = lambda told: False,
) -> list[Message]:
    """Send every frame, and collect messages until it is over or the server closes."""
    told: list[Message] = []
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
        sending = asyncio.create_task(_send_all(socket, frames))
        try:
            async for message in socket:
                told.append(json.loads(message.data))
                if is_over(told):
                    break
            await sending
        finally:
            sending.cancel()
    return told


async def _send_all(
    socket: aiohttp.ClientWebSocketResponse, frames: Iterable[Frame]
) -> None:
    for frame in frames:
        await _send(socket, frame)


async def _send(socket: aiohttp.ClientWebSocketResponse, frame: Frame) -> None:
    if isinstance(frame, str):
        await socket.send_str(frame)
    else:
        await socket.send_bytes(frame)


async def _posted(url: str, samples: Samples, language: str) -> str:
    form = aiohttp.FormData({"language": language, "model": "whisper-1"})
    form.add_field("file", _wav(samples), filename="clip.wav")
    async with (
        aiohttp.ClientSession() as http,
        http.post(url, data=form, raise_for_status=True) as answer,
    ):
        text: str = (await answer.json())["text"]
    return _joined(text.splitlines())


def _wav(samples: Samples) -> bytes:
    memory = BytesIO()
    with wave.open(memory, "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes(as_pcm16(samples))
    return memory.getvalue()


def _cut(samples: Samples, rate: int = SAMPLE_RATE) -> list[Samples]:
    size = round(CHUNK_S * rate)
    return np.split(samples, range(size, len(samples), size))


def _pcm(samples: Samples, rate: int = SAMPLE_RATE) -> list[bytes]:
    return [as_pcm16(part) for part in _cut(samples, rate)]


def _joined(texts: Iterable[str]) -> str:
    return " ".join(text.strip() for text in texts if text.strip())
