"""From the decodes of an utterance's parts to the text that is published."""

from collections.abc import Iterator, Sequence
from math import exp

from whispercpp_ws.decoding import SAMPLE_RATE
from whispercpp_ws.events import Final
from whispercpp_ws.session.context import split_ahead, without_context
from whispercpp_ws.session.guards import (
    HOPELESS_LOGPROB,
    MIN_MEAN_LOGPROB,
    Checked,
    check,
    is_speech,
)
from whispercpp_ws.session.planner import Asked
from whispercpp_ws.session.utterance import Utterance
from whispercpp_ws.session.word_times import Silence, out_of_silence
from whispercpp_ws.transcript import Hypothesis, Word, join_words


def take_decode(
    asked: Asked,
    hypothesis: Hypothesis,
    earlier: Sequence[Word] = (),
    *,
    may_retry: bool = True,
) -> bool:
    """
    Keep the decode of a part, or have it decoded once more.

    `earlier` are the last words of the utterance before this one, as published.
    Returns whether it was kept; a guard that trips asks for a second decode, once,
    if it may.
    """
    part = asked.part
    if asked.context_s:
        whole = check(hypothesis, speech_s=asked.seconds)
        is_unsound = whole.tripped or (whole.is_cut and not hypothesis.looped)
        if may_retry and is_unsound:
            part.retried = True
            return False
        before = _said_before(asked) or earlier
        hypothesis = without_context(hypothesis, asked.context_s, before)
    if part.ahead_until and part.end is not None:
        part_s = (part.end - part.start) / SAMPLE_RATE
        hypothesis, part.ahead = split_ahead(hypothesis, part_s)
    checked = _check(asked, hypothesis)
    can_retry = may_retry and not part.retried and not checked.dropped
    if can_retry and checked.tripped and not _is_vouched_for(hypothesis, checked):
        part.retried = True
        return False
    part.hear(hypothesis, checked, asked.end)
    return True


def words_of(utterance: Utterance) -> tuple[Word, ...]:
    """Return what all parts say, in session time."""
    return tuple(
        word.shifted(part.start / SAMPLE_RATE)
        for part in utterance.parts
        if part.checked is not None
        for word in part.checked.words
    )


def is_doubtful(utterance: Utterance) -> bool:
    """Tell whether a guard cut or tripped over any part."""
    return any(part.is_cut or part.tripped for part in _checked(utterance))


def final_of(utterance: Utterance, *, assumed_language: str) -> Final:
    """Build the final of an utterance whose parts are decoded."""
    words = out_of_silence(words_of(utterance), _silences(utterance))
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


def _said_before(asked: Asked) -> tuple[Word, ...]:
    """Return the words of the utterance's parts before this one."""
    parts = asked.utterance.parts
    before = parts[: parts.index(asked.part)]
    return tuple(w for part in before if part.checked for w in part.checked.words)


def _check(asked: Asked, hypothesis: Hypothesis) -> Checked:
    utterance, part = asked.utterance, asked.part
    # Without words in the options the engine may not have placed them.
    placed = utterance.options.words
    end = min(asked.end, part.end or asked.end)
    return check(
        hypothesis,
        speech_s=utterance.voiced_s(part),
        stretches=utterance.stretches(part, end) if placed else (),
        # There is no third try: what is still this unsure was not speech.
        drop_below=MIN_MEAN_LOGPROB if part.retried else HOPELESS_LOGPROB,
    )


def _is_vouched_for(hypothesis: Hypothesis, checked: Checked) -> bool:
    """
    Tell whether a decode is merely unsure of what was surely said.

    It is published however unsure the second one would be. Of 9 such in 733 decodes 7
    said the same once more, and none of the other two was nearer to what was said.
    """
    return checked.tripped == "logprob" and is_speech(hypothesis)


def _checked(utterance: Utterance) -> Iterator[Checked]:
    return (part.checked for part in utterance.parts if part.checked is not None)


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
