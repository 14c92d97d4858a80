"""OpenAI's agents, hearing: python openai_agents_client.py PORT PCM, 24 kHz PCM16."""

import asyncio
import json
import sys
from pathlib import Path

import numpy as np
from agents.voice import OpenAISTTModel, StreamedAudioInput, STTModelSettings
from openai import AsyncOpenAI


CHUNK_SAMPLES = 4800


async def turns(port: int, pcm: bytes) -> list[str]:
    """Return the text of each turn."""
    openai = AsyncOpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="x")
    model = OpenAISTTModel("gpt-4o-transcribe", openai)
    audio = StreamedAudioInput()
    settings = STTModelSettings(language="en")
    session = await model.create_session(audio, settings, False, False)
    samples = np.frombuffer(pcm, "<i2")
    for start in range(0, len(samples), CHUNK_SAMPLES):
        await audio.add_audio(samples[start : start + CHUNK_SAMPLES])
    # The end of the input.
    await audio.add_audio(None)
    found = [turn async for turn in session.transcribe_turns()]
    await session.close()
    return found


if __name__ == "__main__":
    said = asyncio.run(turns(int(sys.argv[1]), Path(sys.argv[2]).read_bytes()))
    print(json.dumps({"turns": said}))
