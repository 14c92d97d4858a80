"""From any rate to 16 kHz, the only place that imports soxr."""

import numpy as np
import soxr

from whispercpp_ws.decoding import SAMPLE_RATE, Samples


class StreamResampler:
    """
    Resample a stream block by block.

    The caller must cut the stream the same way each time (`PcmReader` does) for the
    output to be the same to the bit.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        # Made for the first audio, for it takes 95 kB: many connect long before
        # they speak.
        self._stream: soxr.ResampleStream | None = None

    def receive(self, samples: Samples, *, last: bool = False) -> Samples:
        """Return what can be computed so far; with `last`, everything that is left."""
        if self._rate == SAMPLE_RATE:
            return samples
        if self._stream is None:
            self._stream = soxr.ResampleStream(
                self._rate, SAMPLE_RATE, 1, "float32", "HQ"
            )
        return np.asarray(self._stream.resample_chunk(samples, last=last), np.float32)


def resample(samples: Samples, rate: int) -> Samples:
    """Resample a whole recording to 16 kHz."""
    if rate == SAMPLE_RATE:
        return samples
    return np.asarray(soxr.resample(samples, rate, SAMPLE_RATE, "HQ"), np.float32)
