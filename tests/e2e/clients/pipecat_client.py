"""Pipecat's services: python pipecat_client.py deepgram|openai PORT PCM, 16 kHz."""

import asyncio
import json
import sys
from pathlib import Path

from pipecat.frames.frames import (
    EndFrame,
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    TranscriptionFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.task import PipelineParams, PipelineTask
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.deepgram.stt import DeepgramSTTService
from pipecat.services.openai.stt import OpenAIRealtimeSTTService
from pipecat.services.stt_service import STTService


RATE = 16_000
CHUNK_BYTES = 1280
"""40 ms."""
PACE_S = 0.02
QUIET_S = 30.0
"""Without a text for this long after the end, everything was said; a busy machine may
take half of it."""
CONNECT_S = 2.0
"""Audio before the connection is open is dropped by these services."""


class Notes(FrameProcessor):  # type: ignore[misc]
    """What came out of the service."""

    def __init__(self) -> None:
        super().__init__()
        self.finals: list[str] = []
        self.interims: list[str] = []
        self.is_new = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Note texts, and pass everything on."""
        await super().process_frame(frame, direction)
        if isinstance(frame, TranscriptionFrame):
            self.finals.append(frame.text)
            self.is_new.set()
        elif isinstance(frame, InterimTranscriptionFrame):
            self.interims.append(frame.text)
        await self.push_frame(frame, direction)


def service(vendor: str, port: int) -> STTService:
    """Make a service as its users do for a server of their own."""
    ws = f"ws://127.0.0.1:{port}"
    if vendor == "deepgram":
        return DeepgramSTTService(api_key="x", base_url=ws, sample_rate=RATE)
    return OpenAIRealtimeSTTService(api_key="x", base_url=f"{ws}/v1/realtime")


async def speak(task: PipelineTask, pcm: bytes, notes: Notes) -> None:
    """Say everything as one turn, as the voice detector of a pipeline tells it."""
    await asyncio.sleep(CONNECT_S)
    await task.queue_frame(VADUserStartedSpeakingFrame())
    for start in range(0, len(pcm), CHUNK_BYTES):
        chunk = pcm[start : start + CHUNK_BYTES]
        await task.queue_frame(InputAudioRawFrame(chunk, RATE, 1))
        await asyncio.sleep(PACE_S)
    await task.queue_frame(VADUserStoppedSpeakingFrame())
    await until_quiet(notes)
    await task.queue_frame(EndFrame())


async def until_quiet(notes: Notes) -> None:
    """Wait until no text comes any more."""
    while True:
        notes.is_new.clear()
        try:
            async with asyncio.timeout(QUIET_S):
                await notes.is_new.wait()
        except TimeoutError:
            return


async def main(vendor: str, port: int, pcm: bytes) -> None:
    notes = Notes()
    task = PipelineTask(
        Pipeline([service(vendor, port), notes]),
        params=PipelineParams(audio_in_sample_rate=RATE),
    )
    speaking = asyncio.create_task(speak(task, pcm, notes))
    await PipelineRunner(handle_sigint=False).run(task)
    await speaking
    print(json.dumps({"finals": notes.finals, "interims": notes.interims}))


if __name__ == "__main__":
    vendor, port, path = sys.argv[1:]
    asyncio.run(main(vendor, int(port), Path(path).read_bytes()))
