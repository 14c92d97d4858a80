"""Tell voice from silence, 20 ms at a time; the only place that imports webrtcvad."""

from dataclasses import dataclass

import numpy as np
import webrtcvad

from whispercpp_ws.decoding import SAMPLE_RATE, Samples


FRAME_SAMPLES = SAMPLE_RATE // 50
"""20 ms, the middle of the three lengths webrtcvad takes."""


@dataclass(frozen=True, slots=True)
class VoiceFrame:
    """What was heard in one frame."""

    voiced: bool
    energy: float
    """Root mean square, 0 to 1."""


class VoiceDetector:
    """Classify frames with webrtcvad, below an energy floor as silence."""

    def __init__(self, *, mode: int, energy_floor: float) -> None:
        self._vad = webrtcvad.Vad(mode)
        self._energy_floor = energy_floor

    def receive(self, frame: Samples) -> VoiceFrame:
        """Classify one frame of exactly `FRAME_SAMPLES` samples."""
        energy = float(np.sqrt(np.dot(frame, frame) / FRAME_SAMPLES))
        # The detector adapts to every frame it sees, so it sees the quiet ones too.
        pcm16 = (frame * 32767).astype("<i2").tobytes()
        voiced = self._vad.is_speech(pcm16, SAMPLE_RATE)
        return VoiceFrame(bool(voiced) and energy >= self._energy_floor, energy)
