"""From the decodes of an utterance's parts to the text that is published."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import exp, log
from statistics import fmean

from whispercpp_ws.decoding import SAMPLE_RATE
from whispercpp_ws.events import Final
from whispercpp_ws.session.guards import (
    HOPELESS_LOGPROB,
    MIN_MEAN_LOGPROB,
    Checked,
    check,
)
from whispercpp_ws.session.planner import Asked
from whispercpp_ws.session.utterance import Utterance
from whispercpp_ws.session.word_times import Silence, out_of_silence
from whispercpp_ws.transcript import Hypothesis, Word, join_words


def take_decode(asked: Asked, hypothesis: Hypothesis) -> bool:
    """
    Keep the decode of a part, or have it decoded once more.

    Returns whether it was kept; a guard that trips asks for a second decode, once.
    """
    part = asked.part
    if asked.context_s:
        whole = check(hypothesis, speech_s=asked.seconds)
        if whole.tripped or whole.is_cut:
            part.retried = True
            return False
        hypothesis = without_context(hypothesis, asked.context_s)
    checked = _check(asked, hypothesis)
    if checked.tripped and not checked.dropped and not part.retried:
        part.retried, part.doubted = True, (hypothesis, checked)
        return False
    part.hear(*_better(part.doubted, (hypothesis, checked)), asked.end)
    return True


def without_context(hypothesis: Hypothesis, context_s: float) -> Hypothesis:
    """Leave only what was said behind the first `context_s`, with times from there."""
    own = tuple(
        word.shifted(-context_s)
        for word in hypothesis.words
        if word.start_s + word.end_s > 2 * context_s
    )
    share = len(own) / max(len(hypothesis.words), 1)
    return replace(
        hypothesis,
        text=join_words(own),
        words=own,
        token_count=round(hypothesis.token_count * share),
        mean_logprob=fmean(log(max(w.confidence, 1e-9)) for w in own) if own else 0.0,
    )


def text_of(utterance: Utterance) -> str:
    """Return what all parts say."""
    return join_words(_words(utterance))


def is_doubtful(utterance: Utterance) -> bool:
    """Tell whether a guard cut or tripped over any part."""
    return any(part.is_cut or part.tripped for part in _checked(utterance))


def final_of(utterance: Utterance, *, assumed_language: str) -> Final:
    """Build the final of an utterance whose parts are decoded."""
    words = out_of_silence(_words(utterance), _silences(utterance))
    heard = next((p.heard.language for p in utterance.parts if p.heard), "")
    return Final(
        utterance.number,
        join_words(words),
        utterance.span.start / SAMPLE_RATE,
        utterance.span.speech_end / SAMPLE_RATE,
        heard or utterance.language or assumed_language,
        _confidence(utterance) if words else 0.0,
        words if utterance.options.words else None,
    )


def _check(asked: Asked, hypothesis: Hypothesis) -> Checked:
    utterance, part = asked.utterance, asked.part
    # Without words in the options the engine may not have placed them.
    placed = utterance.options.words
    return check(
        hypothesis,
        speech_s=utterance.voiced_s(part),
        stretches=utterance.stretches(part, asked.end) if placed else (),
        # There is no third try: what is still this unsure was not speech.
        drop_below=MIN_MEAN_LOGPROB if part.retried else HOPELESS_LOGPROB,
    )


def _better(
    first: tuple[Hypothesis, Checked] | None, second: tuple[Hypothesis, Checked]
) -> tuple[Hypothesis, Checked]:
    """Choose the second decode, unless both were merely unsure and it was more so."""
    if first is None or second[1].dropped:
        return second
    only_unsure = first[1].tripped == second[1].tripped == "logprob"
    surer = first[0].mean_logprob > second[0].mean_logprob
    return first if only_unsure and surer else second


def _checked(utterance: Utterance) -> Iterator[Checked]:
    return (part.checked for part in utterance.parts if part.checked is not None)


def _words(utterance: Utterance) -> tuple[Word, ...]:
    """Return the words of all parts in session time."""
    return tuple(
        word.shifted(part.start / SAMPLE_RATE)
        for part in utterance.parts
        if part.checked is not None
        for word in part.checked.words
    )


def _silences(utterance: Utterance) -> list[Silence]:
    """Return where nobody spoke in an utterance, around it included."""
    span = utterance.span
    around = [(utterance.start, span.start), *span.pauses]
    after = (span.speech_end, utterance.parts[-1].end or span.speech_end)
    return [(a / SAMPLE_RATE, b / SAMPLE_RATE) for a, b in (*around, after)]


def _confidence(utterance: Utterance) -> float:
    """Return the geometric mean of all token probabilities."""
    heard: Sequence[Hypothesis] = [p.heard for p in utterance.parts if p.heard]
    tokens = sum(hypothesis.token_count for hypothesis in heard)
    logprobs = sum(h.mean_logprob * h.token_count for h in heard)
    return exp(logprobs / max(tokens, 1))
