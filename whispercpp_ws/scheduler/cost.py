"""
How long decodes take, learned from those that ran; pure.

A decode's cost grows with `audio_ctx`. Machines and models differ too much to guess it,
and how busy the cores are changes it while the server runs.
"""

from collections import deque

from whispercpp_ws.decoding import DecodeRequest
from whispercpp_ws.engines.base import EngineInfo


MAX_THREADS = 4
"""Threads of a final on an idle machine; on two cores two take 0.7 times as long as one
and 1.1 times the CPU."""
PARTIAL_THREADS = 2
"""Most threads of a partial. In two pairs of runs with a lone speaker words appeared
after 0.77 and 0.76 s with two threads, 0.86 and 0.80 with one (Russian: 1.08 and
1.05, 1.26 and 1.12), for the same CPU: how often partials are made follows from it."""
THREADS_GAIN = 0.5
"""Power of the threads by which a decode is faster: 1.4 times on two, as measured."""
MOST_S_PER_FRAME = 0.05
"""Of a warm-up: large-v3 on the same; slower than that was a moment's trouble."""
BUCKET_FRAMES = 100
"""Encoder frames (2 s) that share one mean: their costs differ by less than noise."""
FIRST_S_PER_FRAME = 0.002
"""Before anything ran, where no warm-up tells: base on one thread of a 2-core VM."""
WARM_UP_SHARE = 0.8
"""Of a decode's seconds per frame, those of a warm-up, in which next to nothing is
said: 1.5 ms of 1.8 with base, 0.7 of 0.9 with tiny.en."""
WEIGHT = 0.1
"""Of the newest decode in the mean: ten decodes, a few seconds, to follow a change."""
REMEMBERED = 256
"""Decodes whose distance from the mean is kept: enough for a slowest 1 %."""
ENOUGH = 20
"""Decodes before the slowest ones are known well enough to judge others by."""


class CostModel:
    """Seconds a decode takes in its lane, by encoder frames."""

    def __init__(self, *, frame_s: float = FIRST_S_PER_FRAME) -> None:
        """Assume so many seconds per frame until something has run."""
        self._frame_s = frame_s
        self._means: dict[int, float] = {}
        self._ratios: deque[float] = deque(maxlen=REMEMBERED)

    @property
    def is_learned(self) -> bool:
        """Whether enough decodes ran to tell a slow one from a usual one."""
        return len(self._ratios) >= ENOUGH

    def learn(self, frames: int, seconds: float) -> None:
        """Take what a decode of so many frames took."""
        bucket = _bucket(frames)
        if bucket in self._means:
            self._ratios.append(seconds / self.expected_s(frames))
        mean_s = self._means.get(bucket, seconds)
        self._means[bucket] = mean_s + WEIGHT * (seconds - mean_s)

    def expected_s(self, frames: int) -> float:
        """Return the mean of its bucket, or what the nearest known one says of it."""
        bucket = _bucket(frames)
        if not self._means:
            return self._frame_s * bucket * BUCKET_FRAMES
        nearest = min(self._means, key=lambda known: abs(known - bucket))
        return max(1e-3, self._means[nearest]) * bucket / nearest

    def slow_s(self, frames: int, share: float) -> float:
        """Return what only a `share` of such decodes take longer than."""
        ranked = sorted(self._ratios) or [1.0]
        place = min(len(ranked) - 1, int(len(ranked) * (1.0 - share)))
        return self.expected_s(frames) * max(1.0, ranked[place])


def first_frame_s(info: EngineInfo) -> float:
    """Return the seconds a frame of a decode is taken to need before any has run."""
    measured_s = info.frame_s / WARM_UP_SHARE
    return min(measured_s, MOST_S_PER_FRAME) or FIRST_S_PER_FRAME


def frames_of(request: DecodeRequest) -> int:
    """Count the encoder frames of a decode; telling the language encodes once more."""
    passes = 2 if request.options.language == "auto" else 1
    return passes * request.options.audio_ctx


def limit_s(
    cost: CostModel, frames: int, *, lowest_s: float, highest_s: float
) -> float:
    """Return the time after which a decode hangs: thrice the slowest 1 %, in bounds."""
    if not cost.is_learned:
        return highest_s
    return min(max(3.0 * cost.slow_s(frames, 0.01), lowest_s), highest_s)


def _bucket(frames: int) -> int:
    return max(1, -(-frames // BUCKET_FRAMES))
