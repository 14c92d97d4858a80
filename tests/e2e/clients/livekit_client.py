"""LiveKit's plugins: python livekit_client.py deepgram|openai PORT PCM, 16 kHz."""

import asyncio
import json
import sys
from pathlib import Path

from livekit import rtc
from livekit.agents import stt
from livekit.agents.utils import http_context
from livekit.plugins import deepgram, openai


RATE = 16_000
CHUNK_BYTES = 1600
"""50 ms."""
PACE_S = 0.02
SILENCE = bytes(3 * RATE)
"""1.5 s, for the last turn to end by itself."""
QUIET_S = 15.0
"""Without news for this long the stream has said everything."""


def plugin(vendor: str, port: int) -> stt.STT:
    """Make a plugin as its users do for a server of their own."""
    http = f"http://127.0.0.1:{port}/v1"
    if vendor == "deepgram":
        return deepgram.STT(base_url=f"{http}/listen", api_key="x", language="en")
    return openai.STT(base_url=http, api_key="x", use_realtime=True, language="en")


async def feed(stream: stt.RecognizeStream, pcm: bytes) -> None:
    """Send audio faster than it is spoken, and end it."""
    for start in range(0, len(pcm), CHUNK_BYTES):
        chunk = pcm[start : start + CHUNK_BYTES]
        stream.push_frame(rtc.AudioFrame(chunk, RATE, 1, len(chunk) // 2))
        await asyncio.sleep(PACE_S)
    stream.end_input()


async def heard(stream: stt.RecognizeStream) -> dict[str, list[str]]:
    """Collect texts by the kind of event; not every plugin ends by itself."""
    found: dict[str, list[str]] = {}
    while True:
        try:
            async with asyncio.timeout(QUIET_S):
                event = await anext(stream)
        except (TimeoutError, StopAsyncIteration):
            return found
        texts = [alternative.text for alternative in event.alternatives]
        found.setdefault(event.type.value, []).extend(texts)


async def main(vendor: str, port: int, pcm: bytes) -> None:
    async with http_context.open():
        stream = plugin(vendor, port).stream()
        feeding = asyncio.create_task(feed(stream, pcm + SILENCE))
        found = await heard(stream)
        await feeding
        await stream.aclose()
    print(json.dumps(found))


if __name__ == "__main__":
    vendor, port, path = sys.argv[1:]
    asyncio.run(main(vendor, int(port), Path(path).read_bytes()))
