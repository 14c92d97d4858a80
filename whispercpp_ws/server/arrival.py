"""When each second of session audio came in, to tell how late a text is."""

from bisect import bisect_left
from collections import deque


MAX_MARKS = 2_000
"""Marks kept: 40 s of frames of 20 ms, longer than any utterance."""
MARK_EVERY_S = 0.02


class ArrivalTimes:
    """Map positions in the session's audio to the monotonic times of their arrival."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, float]] = deque(maxlen=MAX_MARKS)

    def note(self, received_s: float, *, at_s: float) -> None:
        """Note that the audio before `received_s` had arrived at the time `at_s`."""
        if self._marks and received_s - self._marks[-1][0] < MARK_EVERY_S:
            return
        self._marks.append((received_s, at_s))

    def lag_ms(self, end_s: float, *, now_s: float) -> int | None:
        """
        Return how long ago the audio up to `end_s` arrived.

        None when nothing is known of it: it came too long ago, or never.
        """
        if not self._marks or end_s > self._marks[-1][0] + MARK_EVERY_S:
            return None
        index = bisect_left(self._marks, end_s, key=lambda mark: mark[0])
        index = min(index, len(self._marks) - 1)
        return max(0, round((now_s - self._marks[index][1]) * 1000))

    def forget(self, before_s: float) -> None:
        """Forget what lies before a position that no later text will be about."""
        while len(self._marks) > 1 and self._marks[0][0] < before_s:
            self._marks.popleft()
