"""Audio sent as a microphone would, in the form that others' servers take."""

import contextlib
import time
from collections.abc import Iterable, Iterator

import aiohttp
import numpy as np

from scripts.bench.audio import FRAME_S, StreamAudio
from scripts.bench.timeline import SentFrame
from whispercpp_ws.cli.pacing import paced
from whispercpp_ws.decoding import SAMPLE_RATE, Samples
from whispercpp_ws.session.resample import resample


FRAME_SAMPLES = round(FRAME_S * SAMPLE_RATE)


async def send_paced(
    socket: aiohttp.ClientWebSocketResponse, frames: Iterable[bytes], start_s: float
) -> list[SentFrame]:
    """
    Send frames of `FRAME_S`, each when its last sample is spoken.

    It ends early and without an error where the server has closed.
    """
    sent: list[SentFrame] = []
    with contextlib.suppress(ConnectionError):
        async for frame in paced(frames, FRAME_S):
            await socket.send_bytes(frame)
            due_s = (len(sent) + 1) * FRAME_S
            sent.append(SentFrame(time.monotonic() - start_s, due_s))
    return sent


def mono_16k_frames(audio: StreamAudio) -> Iterator[Samples]:
    """Cut a clip with its silences into frames of `FRAME_S` at 16 kHz."""
    samples = resample(audio.mono(), audio.rate)
    for start in range(0, len(samples), FRAME_SAMPLES):
        yield samples[start : start + FRAME_SAMPLES]


def as_pcm16(samples: Samples) -> bytes:
    """Return samples as pcm16le."""
    return np.clip(np.round(samples * 32_768), -32_768, 32_767).astype("<i2").tobytes()


def as_float32(samples: Samples) -> bytes:
    """Return samples as float32, little-endian."""
    return samples.astype("<f4").tobytes()
