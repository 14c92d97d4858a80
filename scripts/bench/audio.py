"""What a client sends for a clip: silence, the clip, silence, in frames of 60 ms."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.bench.manifest import GAP_S, Clip
from whispercpp_ws.audio_file import READ_FRAMES, AudioFile
from whispercpp_ws.errors import BadAudio


FRAME_S = 0.06
"""What our own clients send; a server hears nothing of a frame that is not full."""
LEAD_S = 0.5
"""Zeros before the clip, so that its first sound is no start of a connection."""
TAIL_S = 1.5
"""Zeros after the clip, so that the endpoint fires before the stream ends."""

LEVEL_S = 0.02
"""Length of one level measurement."""
SPEECH_LEVELS = 3
"""Levels in a row that count as speech; fewer are a click."""
PRE_EMPHASIS = 0.97
"""Part of the sample before that is taken from each; -30 dB at 50 Hz."""
BELOW_SPEECH_DB = 25.0
"""How far below the 95th percentile of its levels a clip's speech may be."""


@dataclass(frozen=True, slots=True)
class StreamAudio:
    """PCM of one connection, in session seconds from its first sample."""

    pcm: bytes = field(repr=False)
    """pcm16le, channels interleaved, with the silence around it."""
    rate: int
    channels: int
    lead_s: float
    seconds: float
    """Length of the clip alone."""

    @property
    def total_s(self) -> float:
        """Length with the silence around it."""
        return len(self.pcm) / self.second_bytes

    @property
    def second_bytes(self) -> int:
        """Bytes of one second."""
        return 2 * self.channels * self.rate

    def frames(self) -> Iterator[bytes]:
        """Cut it into frames of `FRAME_S`; the last may be shorter."""
        size = 2 * self.channels * round(FRAME_S * self.rate)
        for start in range(0, len(self.pcm), size):
            yield self.pcm[start : start + size]

    def mono(self) -> NDArray[np.float32]:
        """Return the channels averaged, -1 to 1, at `rate`."""
        samples = np.frombuffer(self.pcm, dtype="<i2").reshape(-1, self.channels)
        mono: NDArray[np.float32] = samples.mean(axis=1, dtype=np.float32) / 32_768
        return mono


@dataclass(frozen=True, slots=True)
class SpeechBounds:
    """Where sound of a clip starts and ends, in session seconds."""

    start_s: float
    end_s: float

    @property
    def seconds(self) -> float:
        """Time from one to the other."""
        return self.end_s - self.start_s


def load(clip: Clip, *, lead_s: float = LEAD_S, tail_s: float = TAIL_S) -> StreamAudio:
    """
    Read a clip and put noise-free silence around it, and between what is joined.

    Raises:
        BadAudio: a file cannot be read, or a joined one has another rate.
    """
    pcm, rate, channels = _read(clip.path)
    gap = _silence(GAP_S, rate, channels)
    for path in clip.more:
        following, *form = _read(path)
        if form != [rate, channels]:
            raise BadAudio(f"{path}: expected {rate} Hz and {channels} channel(s)")
        pcm += gap + following
    return StreamAudio(
        pcm=_silence(lead_s, rate, channels) + pcm + _silence(tail_s, rate, channels),
        rate=rate,
        channels=channels,
        lead_s=lead_s,
        seconds=len(pcm) / (2 * channels * rate),
    )


def speech_bounds(audio: StreamAudio) -> SpeechBounds | None:
    """
    Find the first and the last sound that lasts; None in digital silence.

    It looks at levels alone, after pre-emphasis, which takes out hum and pops: the
    voice detectors that servers use must not be their own judges. Loud background
    noise makes the bounds those of the clip.
    """
    loud = is_loud(audio)
    if loud is None:
        return None
    first, *_, last = np.flatnonzero(loud)
    start, end = first * LEVEL_S, (last + 1) * LEVEL_S
    return SpeechBounds(float(audio.lead_s + start), float(audio.lead_s + end))


def is_loud(audio: StreamAudio) -> NDArray[np.bool_] | None:
    """
    Tell for each `LEVEL_S` of a clip whether there is a sound that lasts.

    None where there is none at all.
    """
    levels = _levels_db(audio)
    loudest = np.percentile(levels, 95)
    if loudest <= -90.0:
        return None
    loud = levels >= loudest - BELOW_SPEECH_DB
    runs = np.convolve(loud, np.ones(SPEECH_LEVELS, dtype=int), mode="valid")
    lasting = np.zeros(len(loud), dtype=np.bool_)
    for start in np.flatnonzero(runs == SPEECH_LEVELS):
        lasting[start : start + SPEECH_LEVELS] = True
    return lasting if lasting.any() else None


def _read(path: Path) -> tuple[bytes, int, int]:
    """Return samples, rate and channels of a file."""
    with AudioFile.open(path) as file:
        return b"".join(file.blocks(READ_FRAMES)), file.rate, file.channels


def _levels_db(audio: StreamAudio) -> NDArray[np.float64]:
    first = round(audio.lead_s * audio.rate)
    clip = audio.mono()[first : first + round(audio.seconds * audio.rate)]
    size = round(LEVEL_S * audio.rate)
    whole = clip[: max(1, len(clip) // size) * size].astype(np.float64)
    whole[1:] -= PRE_EMPHASIS * whole[:-1]
    power = np.square(whole).reshape(-1, min(size, len(whole))).mean(axis=1)
    levels: NDArray[np.float64] = 10 * np.log10(np.maximum(power, 1e-10))
    return levels


def _silence(seconds: float, rate: int, channels: int) -> bytes:
    return bytes(2 * channels * round(seconds * rate))
