"""Tell voice from silence, 20 ms at a time; the only place that imports webrtcvad."""

from dataclasses import dataclass

import numpy as np
import webrtcvad

from whispercpp_ws.decoding import SAMPLE_RATE, Samples


FRAME_SAMPLES = SAMPLE_RATE // 50
"""20 ms, the middle of the three lengths webrtcvad takes."""


PRE_EMPHASIS = 0.97
"""Part of the sample before that is taken from each; -30 dB at 50 Hz, so that pops
and hum do not pass for speech."""
BELOW_SPEECH = 0.05
"""Level, of the loudest speech lately, below which a frame is silence: -26 dB. Without
it webrtcvad finds the end of speech 120 ms late at the median and 560 ms at the 95th
percentile; it goes on through breath, room and its own hangover."""
FORGOTTEN_PER_FRAME = 0.986
"""How the loudest speech fades: 6 dB per second, so that a soft speaker is heard soon
after a loud one."""


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
        self._loudest = 0.0

    def receive(self, frame: Samples) -> VoiceFrame:
        """Classify one frame of exactly `FRAME_SAMPLES` samples."""
        energy = float(np.sqrt(np.dot(frame, frame) / FRAME_SAMPLES))
        # The detector adapts to every frame it sees, so it sees the quiet ones too.
        pcm16 = (frame * 32767).astype("<i2").tobytes()
        voiced = bool(self._vad.is_speech(pcm16, SAMPLE_RATE))
        voiced = voiced and energy >= self._energy_floor
        return VoiceFrame(voiced and self._is_loud(frame), energy)

    def _is_loud(self, frame: Samples) -> bool:
        """Compare a voiced frame with the speech before it."""
        level = self._level(frame)
        self._loudest = max(level, self._loudest * FORGOTTEN_PER_FRAME)
        return level >= BELOW_SPEECH * self._loudest

    def _level(self, frame: Samples) -> float:
        """Return the root mean square after pre-emphasis."""
        emphasised = frame.copy()
        emphasised[1:] -= PRE_EMPHASIS * frame[:-1]
        emphasised[0] = 0.0
        return float(np.sqrt(np.dot(emphasised, emphasised) / FRAME_SAMPLES))
