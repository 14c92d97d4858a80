"""Decide which window of a session is decoded next, and what its result is for."""

from collections import deque
from dataclasses import dataclass, replace
from enum import Enum, auto

from whispercpp_ws.decoding import (
    SAMPLE_RATE,
    DecodeOptions,
    DecodeRequest,
    Priority,
)
from whispercpp_ws.session.audio import SampleBuffer
from whispercpp_ws.session.endpoint import Endpointer
from whispercpp_ws.session.language import AUTO, LanguageMemory
from whispercpp_ws.session.phases import Phase
from whispercpp_ws.session.tuning import Tuning
from whispercpp_ws.session.utterance import Part, Utterance
from whispercpp_ws.session.window import audio_ctx_for, trimmed_options


class Purpose(Enum):
    """What a decode is for."""

    PARTIAL = auto()
    LANGUAGE = auto()
    FINAL = auto()


@dataclass(frozen=True, slots=True)
class Asked:
    """A decode that is out; positions are samples of session audio."""

    purpose: Purpose
    utterance: Utterance
    part: Part
    start: int
    end: int
    at_pause: bool
    """Whether the window ends in silence, so that its last word is whole."""

    @property
    def seconds(self) -> float:
        """Length of the window."""
        return (self.end - self.start) / SAMPLE_RATE

    @property
    def context_s(self) -> float:
        """Seconds of the window before the part."""
        return (self.speech_start - self.start) / SAMPLE_RATE

    @property
    def speech_start(self) -> int:
        """Where speech is looked for from: behind the context."""
        return max(self.start, self.part.start)


class DecodePlanner:
    """
    Make the decode requests of one session, at most one partial and one other at once.

    Finals are asked for in the order of their utterances, because each may be prompted
    with the text of the one before.
    """

    def __init__(
        self,
        tuning: Tuning,
        *,
        buffer: SampleBuffer,
        endpointer: Endpointer,
        languages: LanguageMemory,
    ) -> None:
        self.speculates = True
        """Whether finals are asked for ahead, in a pause that may be the last."""
        self.context_s = tuning.context_s
        """Longest window of a final that earlier speech is added to."""
        self._prompt = ""
        self._prompt_end = 0
        self._tuning = tuning
        self._buffer = buffer
        self._endpointer = endpointer
        self._languages = languages
        self._out: dict[int, Asked] = {}
        self._last_id = 0

    def next(
        self, waiting: deque[Utterance], open_utterance: Utterance | None
    ) -> DecodeRequest | None:
        """
        Return the next decode to run, or None while there is none.

        Args:
            waiting: utterances that are over, oldest first, without their final.
            open_utterance: the one being spoken, if any.
        """
        if waiting:
            return self._closed(waiting[0], Priority.FINAL)
        if open_utterance is None:
            return None
        if open_utterance.undecoded_part is not None:
            return self._closed(open_utterance, Priority.SPECULATIVE)
        return self._ahead(open_utterance) or self._partial(open_utterance)

    def answer(self, request_id: int) -> Asked | None:
        """Take a decode back; None when its id is stale."""
        return self._out.pop(request_id, None)

    def tail_end(self, utterance: Utterance) -> int:
        """Return where the window of a final ends: a little after its speech."""
        is_closed = self._endpointer.phase is Phase.CLOSED
        # Before the end, not the buffer's: how much waits there depends on chunking.
        heard = self._buffer.end if is_closed else self._endpointer.position
        return min(utterance.span.speech_end + self._tail(utterance), heard)

    def _tail(self, utterance: Utterance) -> int:
        """Return the samples of silence that the window of its last part takes in."""
        speech_end = utterance.span.speech_end
        length = speech_end - self._context_start(utterance.parts[-1], speech_end)
        is_long = length >= self._of_s(self._tuning.long_window_s)
        tuning = self._tuning
        return self._samples(tuning.long_tail_ms if is_long else tuning.tail_ms)

    def carry_prompt(self, text: str, utterance: Utterance) -> None:
        """Keep the end of a final's text for the next; empty text clears it."""
        joined = f"{self._prompt} {text}".strip() if text else ""
        self._prompt = _last_words(joined, self._tuning.prompt_chars)
        self._prompt_end = utterance.span.speech_end

    def _closed(self, utterance: Utterance, priority: Priority) -> DecodeRequest | None:
        """Ask for the first closed part that is not decoded yet."""
        part = utterance.undecoded_part
        if part is None or part.window_end is None:
            return None
        return self._final(utterance, part, part.window_end, priority)

    def _ahead(self, utterance: Utterance) -> DecodeRequest | None:
        """Ask for what will be the last part if the silence lasts."""
        part = utterance.open_part
        is_pause = self._endpointer.phase is Phase.PAUSE
        if part is None or not is_pause or not self.speculates:
            return None
        if self._endpointer.silence_samples < self._tail(utterance):
            return None
        end = self.tail_end(utterance)
        if part.heard and part.heard_end == end:
            return None
        return self._final(utterance, part, end, Priority.SPECULATIVE)

    def _final(
        self, utterance: Utterance, part: Part, end: int, priority: Priority
    ) -> DecodeRequest | None:
        """Ask for the language, then for all of a part."""
        self._forget_other_finals(part, end)
        if self._is_out(Purpose.FINAL, Purpose.LANGUAGE):
            return None
        if utterance.awaits_language:
            return self._language(utterance, priority)
        part.ask(end)
        start = part.start if part.retried else self._context_start(part, end)
        asked = Asked(Purpose.FINAL, utterance, part, start, end, True)
        return self._ask(asked, priority, self._final_options(asked))

    def _context_start(self, part: Part, end: int) -> int:
        """
        Return where the window of a part starts: with speech before it, if any.

        That may be inside a word, for what is heard of the context is not used.
        """
        longest_gap = self._of_s(self._tuning.context_gap_s)
        before = [gap for gap in self._endpointer.silences if gap[0] < part.start]
        behind_gaps = (until for since, until in before if until - since > longest_gap)
        start = end - self._of_s(self.context_s)
        if part.follows_speech:
            start = min(start, part.start - self._of_s(self._tuning.ahead_s))
        start = max(start, self._buffer.first, *behind_gaps)
        spoken_until = before[-1][0] if before else 0
        helps = spoken_until - start >= self._of_s(self._tuning.shortest_context_s)
        return start if helps else part.start

    def _language(self, utterance: Utterance, priority: Priority) -> DecodeRequest:
        part, end = utterance.parts[0], utterance.detect_until or 0
        asked = Asked(Purpose.LANGUAGE, utterance, part, part.start, end, False)
        return self._ask(asked, priority, self._window_options(asked, AUTO))

    def _partial(self, utterance: Utterance) -> DecodeRequest | None:
        part = utterance.open_part
        if self._out or part is None or not utterance.options.partials:
            return None
        if utterance.awaits_language:
            return self._language(utterance, Priority.PARTIAL)
        if not self._is_partial_due(utterance) or self._may_pause(utterance):
            return None
        end = self._endpointer.position
        at_pause = self._endpointer.phase is Phase.PAUSE
        self.note_shown(utterance, end)
        start = max(part.start, utterance.partial_start)
        asked = Asked(Purpose.PARTIAL, utterance, part, start, end, at_pause)
        language = utterance.language or self._assumed(utterance)
        options = self._window_options(asked, language)
        # Where a word ends decides whether it is stable, whatever the client wants.
        options = replace(options, word_times=True)
        return self._ask(asked, Priority.PARTIAL, options)

    def note_shown(self, utterance: Utterance, end: int) -> None:
        """Count the next step from here: the text up to `end` is, or will be, known."""
        utterance.partial_at = end
        utterance.partial_voiced_s = utterance.span.voiced_s

    def _is_partial_due(self, utterance: Utterance) -> bool:
        passed = self._endpointer.position - utterance.partial_at
        spoken_s = utterance.span.voiced_s - utterance.partial_voiced_s
        enough_s = self._tuning.min_new_speech_ms / 1000
        return passed >= self._step(utterance) and spoken_s >= enough_s

    def _may_pause(self, utterance: Utterance) -> bool:
        """Tell whether a final may be wanted before a partial would be done."""
        tuning = self._tuning
        held_ms = tuning.hold_partial_ms if utterance.shown else tuning.hold_first_ms
        return self._endpointer.silence_samples >= self._samples(held_ms)

    def _step(self, utterance: Utterance) -> int:
        """Return the samples between two partials: more where they cost more."""
        cost_ms = 1000 * utterance.partial_cost_s
        if not utterance.agreement.stable:
            # The first words are shown and agreed on as soon as a lane can.
            step_ms = max(self._tuning.first_step_ms, cost_ms)
        else:
            step_ms = max(self._tuning.step_ms, cost_ms * self._tuning.step_costs)
        return self._samples(round(min(step_ms, self._tuning.longest_step_ms)))

    def _final_options(self, asked: Asked) -> DecodeOptions:
        utterance = asked.utterance
        language = utterance.language or self._assumed(utterance)
        options = self._window_options(asked, language, word_times=True)
        if asked.part.ahead_until:
            # Words are told from those behind the part by their times.
            options = replace(options, word_times=True)
        if asked.part.retried:
            # Unprompted, with the room that the decoder's training always had.
            margin_s = self._tuning.retry_margin_s
            audio_ctx = audio_ctx_for(asked.seconds, margin_s=margin_s)
            return replace(options, audio_ctx=audio_ctx)
        prompt = f"{utterance.options.prompt} {self._prompt_for(utterance)}".strip()
        if not asked.context_s:
            return replace(options, prompt=prompt)
        # Words are told from those of the context by their times.
        return replace(
            options, prompt=prompt, context_s=asked.context_s, word_times=True
        )

    def _prompt_for(self, utterance: Utterance) -> str:
        """Return earlier text, unless it lies too far back to be about the same."""
        silence = utterance.span.start - self._prompt_end
        fresh = silence <= self._tuning.prompt_reset_s * SAMPLE_RATE
        return self._prompt if fresh else ""

    def _window_options(
        self,
        asked: Asked,
        language: str,
        *,
        word_times: bool = False,
    ) -> DecodeOptions:
        options = trimmed_options(
            asked.seconds,
            language=language,
            candidates=asked.utterance.options.candidates,
            translate=asked.utterance.options.translate,
            margin_s=self._tuning.margin_s,
            word_times=word_times and asked.utterance.options.words,
        )
        known_speech_s = asked.part.known_speech_s(asked.speech_start, asked.end)
        return replace(options, known_speech_s=known_speech_s)

    def _ask(
        self, asked: Asked, priority: Priority, options: DecodeOptions
    ) -> DecodeRequest:
        self._last_id += 1
        self._out[self._last_id] = asked
        samples = self._buffer.slice(asked.start, asked.end)
        utterance = asked.utterance
        return DecodeRequest(
            self._last_id,
            priority,
            samples,
            options,
            model=utterance.options.model,
            utterance=utterance.number,
        )

    def _is_out(self, *purposes: Purpose) -> bool:
        return any(asked.purpose in purposes for asked in self._out.values())

    def _forget_other_finals(self, part: Part, end: int) -> None:
        """Let go of a speculative final whose audio is not what it turned out to be."""
        for request_id, asked in list(self._out.items()):
            same = asked.part is part and asked.end == end
            if asked.purpose is Purpose.FINAL and not same:
                del self._out[request_id]

    def _assumed(self, utterance: Utterance) -> str:
        return self._languages.assumed(utterance.options.language)

    def _of_s(self, seconds: float) -> int:
        return round(seconds * SAMPLE_RATE)

    def _samples(self, milliseconds: int) -> int:
        return milliseconds * SAMPLE_RATE // 1000


def _last_words(text: str, most_chars: int) -> str:
    """Cut text to its last characters, at a space where there is one."""
    if len(text) <= most_chars:
        return text
    kept = text[len(text) - most_chars :]
    return kept.partition(" ")[2] or kept
