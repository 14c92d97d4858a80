"""Scores of a clip, and of the clips of a set in one language."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from scripts.bench.audio import LEAD_S, SpeechBounds
from scripts.bench.costs import FinalWaits
from scripts.bench.manifest import Clip
from scripts.bench.metrics import (
    FinalDelay,
    FirstPartial,
    Stability,
    final_delays,
    first_partial,
    most_shown_words,
    speech_end_to_final_s,
    stability,
    total_stability,
    word_latencies_s,
)
from scripts.bench.timeline import Timeline
from scripts.bench.wer import Edits, edits, total
from scripts.bench.words import plain_words


ALL_SETS = "all"
"""Name of what is no set but all clips of a language."""

LOOP_RATIO = 1.5
"""Hypothesis words over reference words beyond which a text has looped."""


@dataclass(frozen=True, slots=True)
class ClipRun:
    """One clip as it was streamed."""

    clip: Clip
    bounds: SpeechBounds | None
    timeline: Timeline
    lead_s: float = LEAD_S
    """Silence sent before the clip."""
    waits: FinalWaits | None = None
    """What its finals waited for, where the server says that and served nobody else."""


@dataclass(frozen=True, slots=True)
class ClipScore:
    """What one stream of one clip came to."""

    set: str
    id: str
    language: str
    seconds: float
    reference: str
    text: str
    """All finals, joined."""
    offline_text: str | None
    """What the same model says of the whole clip on full windows."""
    edits: Edits
    offline_edits: Edits | None
    first_partial: FirstPartial
    word_latencies_s: tuple[float, ...]
    speech_end_to_final_s: float | None
    final_delays: tuple[FinalDelay, ...]
    final_waits: FinalWaits | None
    stability: Stability
    invented_words: int
    """Words of finals where nobody speaks; no other number counts such a clip."""
    flashed_words: int
    """The same, of the longest text each utterance ever showed."""
    is_loop: bool
    client_behind_s: float
    """How late the client itself sent; the clip is void when this is large."""
    failure: str


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle and the tail of some durations, in seconds; None without any."""

    p50: float | None
    p95: float | None
    count: int

    @classmethod
    def of(cls, values: Iterable[float | None]) -> "Spread":
        """Measure the values that are there."""
        found = [value for value in values if value is not None]
        if not found:
            return cls(None, None, 0)
        p50, p95 = np.percentile(found, (50, 95))
        return cls(float(p50), float(p95), len(found))


@dataclass(frozen=True, slots=True)
class SetScore:
    """The clips of one set and language together."""

    set: str
    language: str
    clips: int
    seconds: float
    edits: Edits
    wer: float | None
    """Word error rate of the finals, percent."""
    offline_wer: float | None
    dwer: float | None
    """The same less that of the model on full windows, in points."""
    first_partial_s: Spread
    """From the first sound."""
    word_s: Spread
    """From a word's end to its lasting appearance."""
    speech_end_to_final_s: Spread
    final_s: Spread
    """From a final's last audio to the final: `after_endpoint_s` + endpoint +
    `transport_s`."""
    after_endpoint_s: Spread
    transport_s: Spread
    endpoint_s: Spread
    """Over finals: `FinalDelay.endpoint_s`. `final_s` less this is what passes after
    the decision that speech has ended."""
    queue_s: Spread
    """With the one below, over clips: what passed after that in the server, on average
    over a clip's finals; see `costs.FinalWaits`."""
    decode_s: Spread
    stability: Stability
    erasure: float | None
    upwr: float | None
    stable_wrong_percent: float | None
    invented_words: int
    flashed_words: int
    loops: int
    silent_clips: int
    """Clips with speech and no text at all."""
    failures: int


def score_clip(run: ClipRun, offline_text: str | None = None) -> ClipScore:
    """Score a stream; `offline_text` is the model's on the whole clip."""
    clip, timeline = run.clip, run.timeline
    found = edits(clip.reference, timeline.text, clip.language)
    return ClipScore(
        set=clip.set,
        id=clip.id,
        language=clip.language,
        seconds=clip.seconds,
        reference=clip.reference,
        text=timeline.text,
        offline_text=offline_text,
        edits=found,
        offline_edits=_offline_edits(clip, offline_text),
        first_partial=first_partial(timeline, run.bounds, lead_s=run.lead_s),
        word_latencies_s=() if clip.is_nonspeech else word_latencies_s(timeline),
        speech_end_to_final_s=speech_end_to_final_s(timeline, run.bounds),
        final_delays=() if clip.is_nonspeech else final_delays(timeline),
        final_waits=None if clip.is_nonspeech else run.waits,
        stability=Stability() if clip.is_nonspeech else stability(timeline),
        invented_words=len(plain_words(timeline.text)) if clip.is_nonspeech else 0,
        flashed_words=most_shown_words(timeline) if clip.is_nonspeech else 0,
        is_loop=_is_loop(found),
        client_behind_s=timeline.most_behind_s,
        failure=timeline.failure,
    )


def score_sets(scores: Sequence[ClipScore], endpoint_s: float) -> list[SetScore]:
    """Score every set and language, in order of appearance."""
    groups: dict[tuple[str, str], list[ClipScore]] = {}
    for score in scores:
        groups.setdefault((score.set, score.language), []).append(score)
    return [score_set(group, endpoint_s) for group in groups.values()]


def score_languages(scores: Sequence[ClipScore], endpoint_s: float) -> list[SetScore]:
    """Score all clips of each language of which there is more than one set."""
    groups: dict[str, list[ClipScore]] = {}
    for score in scores:
        groups.setdefault(score.language, []).append(score)
    return [
        replace(score_set(group, endpoint_s), set=ALL_SETS)
        for group in groups.values()
        if len({score.set for score in group}) > 1
    ]


def score_set(scores: Sequence[ClipScore], endpoint_s: float) -> SetScore:
    """Score clips of one set and language; there must be one at least."""
    found = total(score.edits for score in scores)
    offline = _offline_total(scores)
    offline_wer = offline.rate_percent if offline else None
    steady = total_stability([score.stability for score in scores])
    delays = [delay for score in scores for delay in score.final_delays]
    waits = [score.final_waits for score in scores if score.final_waits]
    return SetScore(
        set=scores[0].set,
        language=scores[0].language,
        clips=len(scores),
        seconds=sum(score.seconds for score in scores),
        edits=found,
        wer=found.rate_percent,
        offline_wer=offline_wer,
        dwer=_difference(found.rate_percent, offline_wer),
        first_partial_s=Spread.of(s.first_partial.after_speech_s for s in scores),
        word_s=Spread.of(w for s in scores for w in s.word_latencies_s),
        speech_end_to_final_s=Spread.of(s.speech_end_to_final_s for s in scores),
        final_s=Spread.of(delay.total_s for delay in delays),
        after_endpoint_s=Spread.of(d.after_endpoint_s(endpoint_s) for d in delays),
        transport_s=Spread.of(delay.transport_s for delay in delays),
        endpoint_s=Spread.of(delay.endpoint_s for delay in delays),
        queue_s=Spread.of(wait.queue_s for wait in waits),
        decode_s=Spread.of(wait.decode_s for wait in waits),
        stability=steady,
        erasure=_of_final_words(steady.erased_words, steady),
        upwr=_of_final_words(steady.changed_words, steady),
        stable_wrong_percent=_percent(steady.stable_wrong, steady.stable_words),
        invented_words=sum(score.invented_words for score in scores),
        flashed_words=sum(score.flashed_words for score in scores),
        loops=sum(score.is_loop for score in scores),
        silent_clips=sum(bool(s.reference) and not s.text for s in scores),
        failures=sum(bool(score.failure) for score in scores),
    )


def _offline_edits(clip: Clip, text: str | None) -> Edits | None:
    return None if text is None else edits(clip.reference, text, clip.language)


def _offline_total(scores: Sequence[ClipScore]) -> Edits | None:
    found = [score.offline_edits for score in scores if score.offline_edits]
    # A rate over fewer clips than were streamed is no reference for them.
    return total(found) if len(found) == len(scores) else None


def _is_loop(found: Edits) -> bool:
    return 0 < LOOP_RATIO * found.reference_words < found.hypothesis_words


def _difference(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first - second


def _of_final_words(part: int, steady: Stability) -> float | None:
    # Without partials a server is not steady but silent.
    has_partials = steady.shown_words or steady.erased_words
    return part / steady.final_words if steady.final_words and has_partials else None


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None
