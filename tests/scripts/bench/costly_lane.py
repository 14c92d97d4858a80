"""A lane whose decodes cost what the test says."""

from dataclasses import replace

from whispercpp_ws.decoding import DecodeRequest
from whispercpp_ws.engines.base import Cancelled, never_cancelled
from whispercpp_ws.engines.scripted import ScriptedEngine, ScriptedLane
from whispercpp_ws.transcript import DecodeCost, Hypothesis


class CostlyLane(ScriptedLane):
    """Say "word0 word1 ..." for `cpu_s` of one thread each."""

    def __init__(self, cpu_s: float) -> None:
        # Never the same twice: a guard would have a loop decoded again.
        super().__init__(tuple(f"word{number}" for number in range(60)))
        self.cpu_s = cpu_s
        self.requests: list[DecodeRequest] = []

    def decode(
        self, request: DecodeRequest, is_cancelled: Cancelled = never_cancelled
    ) -> Hypothesis:
        self.requests.append(request)
        cost = DecodeCost(self.cpu_s, 0.0, encoder_flops=request.options.audio_ctx)
        return replace(super().decode(request), cost=cost)


class CostlyEngine(ScriptedEngine):
    """Open lanes of that cost."""

    def __init__(self, cpu_s: float) -> None:
        super().__init__()
        self.lane = CostlyLane(cpu_s)

    def open_lane(self) -> ScriptedLane:
        return self.lane
