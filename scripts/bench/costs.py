"""
What a run spent, and on what.

A server's own counters say what decodes took; the rest is told by the processes. The
names of counters are those of this repository's `/metrics`: see `adapters.ours`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from scripts.bench.adapters.process import Usage
from whispercpp_ws.decoding import FULL_AUDIO_CTX
from whispercpp_ws.engines.whispercpp.flops import EncoderShape


KINDS = ("partial", "speculative", "final", "language")
"""What a decode may be for."""
STAGES = ("endpoint", "queue", "decode")
WINDOW_S = 30.0
"""Whisper's full window."""

Counters = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class CpuSplit:
    """CPU seconds for each second of clips, by what they were spent on."""

    partial: float
    speculative: float
    """Finals that were started ahead, those thrown away included."""
    final: float
    """Finals that were started when their utterance was over, and second decodes."""
    language: float
    """Decodes in which the language was detected too, whatever else they were for."""
    silero: float
    """The voice detector that looks at every window before it is decoded."""
    gateway: float
    """The process that clients talk to: sockets, resampling, webrtcvad, sessions."""
    other: float
    """The engine's process beyond its decodes: pipes, and decodes nobody counted."""

    @property
    def total(self) -> float:
        """All of it."""
        decodes = self.partial + self.speculative + self.final + self.language
        return decodes + self.silero + self.gateway + self.other


@dataclass(frozen=True, slots=True)
class Redundancy:
    """
    Encoder work over that of full windows packed with speech ("rho").

    Floating point operations of every encoder pass, for each second from the first to
    the last sound of clips with speech, over what the model of the finals takes for a
    second of a full window. What is spent on clips in which nobody speaks counts too.
    """

    partials: float
    """Detections of the language included."""
    finals: float
    """Speculative ones included."""

    @property
    def total(self) -> float:
        """Both together."""
        return self.partials + self.finals


@dataclass(frozen=True, slots=True)
class FinalWaits:
    """
    What the finals of a stream waited for, in seconds, on average over its finals.

    Measured in the server, for every final, from the arrival of the audio in which its
    speech ends. `endpoint_s`: to the decision that it had ended. Then, up to the final:
    `decode_s`, while a final of the session or the detection of its language was being
    decoded in a lane, and `queue_s`, the rest. A decode that was done before the
    decision is no delay and counts nowhere.
    """

    endpoint_s: float
    queue_s: float
    decode_s: float
    finals: int


def cpu_split(counters: Counters, spent: Usage, audio_s: float) -> CpuSplit | None:
    """Divide the CPU of a run; None for a server that does not count its decodes."""
    if not any(f"decode_cpu_seconds.{kind}" in counters for kind in KINDS):
        return None
    decodes = {kind: counters.get(f"decode_cpu_seconds.{kind}", 0.0) for kind in KINDS}
    silero = counters.get("vad_cpu_seconds", 0.0)
    gateway = spent.root_cpu_s
    other = spent.cpu_s - gateway - silero - sum(decodes.values())
    per_s = 1 / max(audio_s, 1e-9)
    return CpuSplit(
        **{kind: seconds * per_s for kind, seconds in decodes.items()},
        silero=silero * per_s,
        gateway=gateway * per_s,
        other=other * per_s,
    )


def redundancy(
    counters: Counters, speech_s: float, encoder: EncoderShape
) -> Redundancy | None:
    """Compare encoder work with the offline model's; None where it is not counted."""
    flops = {kind: counters.get(f"encoder_flops.{kind}", 0.0) for kind in KINDS}
    offline = speech_s * encoder.flops(FULL_AUDIO_CTX) / WINDOW_S
    if not offline or not any(flops.values()):
        return None
    return Redundancy(
        partials=(flops["partial"] + flops["language"]) / offline,
        finals=(flops["speculative"] + flops["final"]) / offline,
    )


def final_waits(counters: Counters) -> FinalWaits | None:
    """Read what finals waited for; None where there was none or nobody counts."""
    finals = counters.get("final_seconds.endpoint.count", 0.0)
    if not finals:
        return None
    endpoint, queue, decode = (
        counters[f"final_seconds.{stage}.sum"] / finals for stage in STAGES
    )
    return FinalWaits(endpoint, queue, decode, round(finals))


def counted_since(now: Counters, before: Counters) -> dict[str, float]:
    """Return how much each counter has grown."""
    return {name: value - before.get(name, 0.0) for name, value in now.items()}
