"""
The spectrogram that Whisper hears, `log_mel_spectrogram` of OpenAI's whisper/audio.py.

libwhisper's own Fourier transform is written for any length: for 8 s it takes 16 ms on
one thread and 10 on two, numpy's takes 3 (AMD EPYC), which counts beside a GPU most.
"""

from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from whispercpp_ws.decoding import Samples
from whispercpp_ws.engines.whispercpp.model_file import N_FFT, ModelLayout


TRANSFORMED_SAMPLES = 2 * (N_FFT - 1)
HOP_SAMPLES = 160
FRAMES_PER_AUDIO_CTX = 2
"""The encoder's first convolutions make one frame of two."""

SMALLEST_POWER = 1e-10
RANGE = 8.0
"""Powers of ten below the loudest at which everything is as good as silence."""

FRAME_MS = 10
"""One hop."""

Floats = NDArray[np.float32]
Spectrogram = Floats
"""Of shape (bands, frames), C-contiguous."""


def duration_ms(samples: int) -> int:
    """Return how much of the spectrogram of a window libwhisper decodes: the frames
    that do not reach beyond its end."""
    half = TRANSFORMED_SAMPLES // 2
    return FRAME_MS * (1 + (samples - half) // HOP_SAMPLES)


class Spectrograms:
    """Makes the spectrograms of one model."""

    def __init__(self, bank: Floats) -> None:
        """Take a filter for each band, of shape (bands, `N_FFT`)."""
        self._bank = bank

    @classmethod
    def of(cls, path: Path, layout: ModelLayout) -> "Spectrograms":
        """Read the filters of a model file."""
        count = layout.header.n_mels * N_FFT
        bank = np.fromfile(path, "<f4", count, offset=layout.mel_offset)
        return cls(bank.astype(np.float32).reshape(-1, N_FFT))

    def make(self, samples: Samples, audio_ctx: int) -> Spectrogram:
        """
        Return what the encoder hears of a window, of shape (bands, 2 * audio_ctx).

        The window has more than 200 samples; behind it there is silence.
        """
        frames = FRAMES_PER_AUDIO_CTX * audio_ctx
        heard = self._heard(samples)[:frames]
        powers = np.full((len(self._bank), frames), SMALLEST_POWER, np.float32)
        powers[:, : len(heard)] = heard.T
        levels = np.log10(np.maximum(powers, SMALLEST_POWER))
        levels = np.maximum(levels, levels.max() - RANGE)
        return np.asarray((levels + 4.0) / 4.0, np.float32)

    def _heard(self, samples: Samples) -> Floats:
        """Return the powers of the frames that have sound, of shape (frames, bands)."""
        half = TRANSFORMED_SAMPLES // 2
        mirrored = samples[half:0:-1]
        silence = np.zeros(TRANSFORMED_SAMPLES, np.float32)
        padded = np.concatenate((mirrored, samples, silence))
        count = (len(samples) + half) // HOP_SAMPLES + 1
        frames = sliding_window_view(padded, TRANSFORMED_SAMPLES)[::HOP_SAMPLES][:count]
        bins = np.fft.rfft(frames * self._window)
        powers = np.square(bins.real) + np.square(bins.imag)
        heard: Floats = powers.astype(np.float32, copy=False) @ self._bank.T
        return heard

    @cached_property
    def _window(self) -> Floats:
        """The Hann window, whose last sample is the next one's first."""
        phases = 2 * np.pi * np.arange(TRANSFORMED_SAMPLES) / TRANSFORMED_SAMPLES
        return (0.5 * (1.0 - np.cos(phases))).astype(np.float32)
