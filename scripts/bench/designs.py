"""This repository's design and the padded one, over the same clips."""

from collections.abc import Sequence
from dataclasses import dataclass

from scripts.bench.costs import Redundancy, redundancy
from scripts.bench.run import Load
from scripts.bench.scores import ClipScore, Spread
from scripts.bench.wer import total
from whispercpp_ws.engines.whispercpp.flops import EncoderShape


@dataclass(frozen=True, slots=True)
class DesignScore:
    """What one design made of all clips."""

    name: str
    wer: float | None
    """Of all words of all languages."""
    cpu_per_speech_s: float | None
    """CPU seconds of decodes and sessions for each second from the first to the last
    sound of clips with speech."""
    redundancy: Redundancy | None
    first_partial_s: Spread
    speech_end_to_final_s: Spread


COLUMNS = (
    "design",
    "WER %",
    "CPU s per s of speech",
    "over the first",
    "ρ",
    "first partial s",
    "speech end → final s",
)


def score_design(
    name: str, scores: Sequence[ClipScore], load: Load, encoder: EncoderShape
) -> DesignScore:
    """Score a replay of clips."""
    speech_s = load.speech_s
    return DesignScore(
        name=name,
        wer=total(score.edits for score in scores).rate_percent,
        cpu_per_speech_s=load.cpu_s / speech_s if speech_s else None,
        redundancy=redundancy(load.counters, speech_s, encoder),
        first_partial_s=Spread.of(s.first_partial.after_speech_s for s in scores),
        speech_end_to_final_s=Spread.of(s.speech_end_to_final_s for s in scores),
    )


def cpu_ratio(design: DesignScore, first: DesignScore) -> float | None:
    """Return the CPU of a design over that of the first."""
    one, other = first.cpu_per_speech_s, design.cpu_per_speech_s
    return other / one if one and other else None
