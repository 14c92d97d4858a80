"""What is waited for between the end of speech and its final."""

from collections import deque
from dataclasses import dataclass

from whispercpp_ws.decoding import DecodeRequest, Priority


MAX_KEPT = 64
"""Utterances and decodes remembered; more than wait at once in any session."""
SAME_S = 0.005
"""Utterances whose speech ends this close together are one."""


@dataclass(frozen=True, slots=True)
class Stages:
    """Parts of a final's delay, in seconds, one after the other; they add up to it."""

    endpoint_s: float
    """From the arrival of the last speech to the decision that it was the last."""
    queue_s: float
    """After that, the time in which no decode of the session was in a lane."""
    decode_s: float
    """After that, the time in which its final, one before it, or the detection of the
    language was being decoded. What was decoded ahead of the decision is no delay."""


class FinalStages:
    """Remember a session's decodes and ends of speech; times are monotonic."""

    def __init__(self) -> None:
        self._ends: deque[tuple[float, float]] = deque(maxlen=MAX_KEPT)
        self._decodes: deque[tuple[float, float]] = deque(maxlen=MAX_KEPT)

    def note_end(self, end_s: float, *, at_s: float) -> None:
        """Note when it was decided that an utterance's speech ended at `end_s`."""
        self._ends.append((end_s, at_s))

    def note_decode(
        self, request: DecodeRequest, lane_s: float, *, done_s: float
    ) -> None:
        """Note a decode that was in a lane for its last `lane_s` seconds."""
        if request.priority is not Priority.PARTIAL or request.kind == "language":
            self._decodes.append((done_s - lane_s, done_s))

    def of_final(self, end_s: float, *, lag_s: float, now_s: float) -> Stages | None:
        """Split the delay of a final of speech up to `end_s`; None without its end."""
        while self._ends and self._ends[0][0] < end_s - SAME_S:
            self._ends.popleft()
        if not self._ends or self._ends[0][0] > end_s + SAME_S:
            return None
        decided_s = self._ends.popleft()[1]
        endpoint_s = max(0.0, lag_s - (now_s - decided_s))
        decode_s = _covered_s(self._decodes, decided_s, now_s)
        return Stages(endpoint_s, now_s - decided_s - decode_s, decode_s)


def _covered_s(
    spans: deque[tuple[float, float]], since_s: float, until_s: float
) -> float:
    """Return how much of a time lies in spans, which may overlap."""
    covered_s = 0.0
    for start_s, end_s in sorted(spans):
        start_s, end_s = max(start_s, since_s), min(end_s, until_s)
        if start_s < end_s:
            covered_s += end_s - start_s
            since_s = end_s
    return covered_s
