"""
What one connection's timeline says about a server.

Definitions follow section 3 of the streaming notes this project is built on; where
one leaves a choice, the docstring of the field says which was made.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from scripts.bench.audio import SpeechBounds
from scripts.bench.timeline import SettledText, ShownText, Timeline
from scripts.bench.words import common_prefix, kept, plain_words


SAME_S = 0.005
"""Ends of speech this close together are one: messages round to milliseconds."""


@dataclass(frozen=True, slots=True)
class FirstPartial:
    """
    When the first text appeared of which a word was kept; None where there was none.
    """

    after_speech_s: float | None
    """From the clip's first sound, found by level."""
    after_clip_s: float | None
    """From the clip's first sample."""
    after_server_start_s: float | None
    """From where the server says that speech started."""


@dataclass(frozen=True, slots=True)
class FinalDelay:
    """How long after a final's last audio was spoken the final came."""

    total_s: float
    lag_s: float | None
    """The server's part: from the arrival of that audio to the sending."""
    endpoint_s: float | None = None
    """From when that audio was spoken to when the server said that speech had ended,
    by the client's clock; framing and network are in it. None where it never said."""

    def after_endpoint_s(self, endpoint_s: float) -> float | None:
        """Return queue and decode: the server's part less the endpoint's silence."""
        return None if self.lag_s is None else self.lag_s - endpoint_s

    @property
    def transport_s(self) -> float | None:
        """Framing (0 to 60 ms) and network: what the server does not see."""
        return None if self.lag_s is None else self.total_s - self.lag_s


@dataclass(frozen=True, slots=True)
class Stability:
    """How much of what was shown did not stay, in words, over all utterances."""

    final_words: int = 0
    shown_words: int = 0
    """Words that were shown first; the rest came with the final."""
    erased_words: int = 0
    """Words after the common prefix of an update and the one before; finals count
    as updates. Over `final_words`: normalised erasure (NE)."""
    changed_words: int = 0
    """Words replaced or dropped by an update, those that only moved aside left out.
    Over `final_words`: unstable partial word ratio (UPWR)."""
    stable_words: int = 0
    stable_retractions: int = 0
    """Updates whose `stable` does not begin with the one before, to the letter."""
    stable_wrong: int = 0
    """Last stable words that the final does not have; all, if no final came."""


def first_partial(
    timeline: Timeline, bounds: SpeechBounds | None, *, lead_s: float
) -> FirstPartial:
    """Find the first lasting text; `lead_s` is the silence before the clip."""
    at_s = _first_lasting_s(timeline)
    speech = next((mark for mark in timeline.speech if mark.is_start), None)
    return FirstPartial(
        after_speech_s=_after(at_s, bounds.start_s if bounds else None),
        after_clip_s=_after(at_s, lead_s),
        after_server_start_s=_after(at_s, speech.position_s if speech else None),
    )


def word_latencies_s(timeline: Timeline) -> tuple[float, ...]:
    """
    Return for each final word the time from its end to where it was shown and kept.

    A word that no partial kept counts from its end to its final. Word ends are the
    final's own; words without times are left out.
    """
    shown = by_utterance(timeline.shown)
    return tuple(
        latency
        for final in timeline.settled
        for latency in _latencies(final, shown.get(final.utterance, ()))
    )


def final_delays(timeline: Timeline) -> tuple[FinalDelay, ...]:
    """Measure every final with text."""
    return tuple(
        FinalDelay(
            total_s=final.at_s - final.end_s,
            lag_s=final.lag_s,
            endpoint_s=_endpoint_s(timeline, final),
        )
        for final in timeline.settled
        if final.text
    )


def speech_end_to_final_s(
    timeline: Timeline, bounds: SpeechBounds | None
) -> float | None:
    """Return the time from the clip's last sound to its last final with text."""
    finals = [final.at_s for final in timeline.settled if final.text]
    return _after(finals[-1] if finals else None, bounds.end_s if bounds else None)


def stability(timeline: Timeline) -> Stability:
    """Add up what was shown and not kept."""
    shown = by_utterance(timeline.shown)
    finals: dict[int, tuple[str, ...]] = {}
    for final in timeline.settled:
        words = plain_words(final.text)
        finals[final.utterance] = finals.get(final.utterance, ()) + words
    parts = [_stability(shown.get(u, ()), finals.get(u)) for u in {*shown, *finals}]
    return total_stability(parts)


def total_stability(parts: Sequence[Stability]) -> Stability:
    """Add up the counts."""
    return Stability(
        final_words=sum(part.final_words for part in parts),
        shown_words=sum(part.shown_words for part in parts),
        erased_words=sum(part.erased_words for part in parts),
        changed_words=sum(part.changed_words for part in parts),
        stable_words=sum(part.stable_words for part in parts),
        stable_retractions=sum(part.stable_retractions for part in parts),
        stable_wrong=sum(part.stable_wrong for part in parts),
    )


def most_shown_words(timeline: Timeline) -> int:
    """Count the words of each utterance when it showed most, final or not."""
    most: defaultdict[int, int] = defaultdict(int)
    texts = [(shown.utterance, shown.text) for shown in timeline.shown]
    texts += [(final.utterance, final.text) for final in timeline.settled]
    for utterance, text in texts:
        most[utterance] = max(most[utterance], len(plain_words(text)))
    return sum(most.values())


def by_utterance(
    shown: Sequence[ShownText],
) -> Mapping[int, tuple[ShownText, ...]]:
    """Sort shown texts by utterance, each in order of arrival."""
    found: defaultdict[int, list[ShownText]] = defaultdict(list)
    for text in shown:
        found[text.utterance].append(text)
    return {utterance: tuple(texts) for utterance, texts in found.items()}


def _first_lasting_s(timeline: Timeline) -> float | None:
    finals = {final.utterance: final.text for final in timeline.settled}
    for partial in timeline.shown:
        wanted = plain_words(finals.get(partial.utterance, ""))
        if kept(plain_words(partial.text), wanted):
            return partial.at_s
    return None


def _endpoint_s(timeline: Timeline, final: SettledText) -> float | None:
    told = (
        mark.at_s
        for mark in timeline.speech
        if not mark.is_start and abs(mark.position_s - final.end_s) < SAME_S
    )
    return _after(next(told, None), final.end_s)


def _after(at_s: float | None, from_s: float | None) -> float | None:
    return None if at_s is None or from_s is None else at_s - from_s


def _latencies(final: SettledText, shown: Sequence[ShownText]) -> list[float]:
    ends = [(w, word.end_s) for word in final.words for w in plain_words(word.text)]
    words = tuple(word for word, _ in ends)
    seen_s = [final.at_s] * len(words)
    lasting = set(range(len(words)))
    # From the last partial back: a word lasts as long as every later one has it too.
    for partial in reversed(shown):
        lasting &= kept(plain_words(partial.text), words)
        for index in lasting:
            seen_s[index] = partial.at_s
    return [at_s - end_s for at_s, (_, end_s) in zip(seen_s, ends, strict=True)]


def _stability(shown: Sequence[ShownText], final: tuple[str, ...] | None) -> Stability:
    texts = [plain_words(partial.text) for partial in shown]
    # An utterance without a final was dropped: the user saw its words go.
    updates = [*texts, final or ()]
    stable = plain_words(shown[-1].stable) if shown else ()
    return Stability(
        final_words=len(final or ()),
        shown_words=len(kept(texts[-1], final or ())) if texts else 0,
        erased_words=sum(len(a) - common_prefix(a, b) for a, b in pairwise(updates)),
        changed_words=sum(len(a) - len(kept(a, b)) for a, b in pairwise(updates)),
        stable_words=len(stable),
        stable_retractions=_retractions(shown),
        stable_wrong=len(stable) - len(kept(stable, final or ())),
    )


def _retractions(shown: Sequence[ShownText]) -> int:
    return sum(not b.stable.startswith(a.stable) for a, b in pairwise(shown))
