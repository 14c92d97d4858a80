"""
The live server people write first: faster-whisper over a sliding window.

    python sliding_window.py FOLDER [--port PORT]

FOLDER has a CTranslate2 model. A client opens `ws://127.0.0.1:PORT/?language=en` and
sends PCM16 of 16 kHz mono as binary frames. The last 8 s are kept; after every 2 s of
new audio all of them are transcribed anew, and their text is sent as
`{"text": "..."}`. There is no voice detection and nothing is ever final: a word that
leaves the window is gone. Any text frame ends the stream, and what came after the
last transcription is never looked at.

As in most such scripts the model computes in int8 on the CPU, with as many threads
as CTranslate2 takes by itself, and searches with beam 1. The rest is faster-whisper's
own default: timestamps, hotter decodes of what failed its checks, and, where the
client names no language, one detected in every window. One model serves every client;
a client's frames wait while its window is transcribed.

One file on purpose; it runs in an environment with aiohttp and faster-whisper.
"""

import argparse
import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from aiohttp import WSMsgType, web


RATE = 16_000
WINDOW_S = 8.0
STEP_S = 2.0
WINDOW_BYTES = round(WINDOW_S * RATE) * 2
STEP_BYTES = round(STEP_S * RATE) * 2

Transcribe = Callable[[bytes, str | None], str]
"""From PCM16 and a language, or None to detect it, to text."""


@dataclass(slots=True)
class Window:
    """The last seconds of one stream."""

    pcm: bytes = b""
    new_bytes: int = 0

    def add(self, pcm: bytes) -> bool:
        """Take audio in; returns whether it is time to transcribe."""
        self.pcm = (self.pcm + pcm)[-WINDOW_BYTES:]
        self.new_bytes += len(pcm)
        if self.new_bytes < STEP_BYTES:
            return False
        self.new_bytes = 0
        return True


def application(transcribe: Transcribe) -> web.Application:
    """Serve the WebSocket at `/`, every client with the same model."""

    async def stream(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        language = request.query.get("language") or None
        window = Window()
        async for message in socket:
            if message.type is not WSMsgType.BINARY:
                break
            if window.add(message.data):
                text = await asyncio.to_thread(transcribe, window.pcm, language)
                await socket.send_json({"text": text})
        return socket

    app = web.Application()
    app.router.add_get("/", stream)
    return app


def load(folder: Path) -> Transcribe:
    """Load a CTranslate2 model."""
    # Only here, so that the rest can be tested without it.
    from faster_whisper import WhisperModel

    model = WhisperModel(str(folder), device="cpu", compute_type="int8")

    def transcribe(pcm: bytes, language: str | None) -> str:
        samples = np.frombuffer(pcm, "<i2").astype(np.float32) / 32_768
        segments, _ = model.transcribe(samples, language=language, beam_size=1)
        return " ".join(segment.text.strip() for segment in segments)

    return transcribe


def main() -> None:
    """Load the model and serve until the process is told to end."""
    parser = argparse.ArgumentParser(description="Transcribe a sliding window.")
    parser.add_argument("folder", type=Path, help="CTranslate2 model")
    parser.add_argument("--port", type=int, default=8765)
    args = parser.parse_args()
    web.run_app(application(load(args.folder)), host="127.0.0.1", port=args.port)


if __name__ == "__main__":
    main()
