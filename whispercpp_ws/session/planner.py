"""Decide which window of a session is decoded next, and what its result is for."""

from collections import deque
from dataclasses import dataclass
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
from whispercpp_ws.session.utterance import Utterance
from whispercpp_ws.session.window import trimmed_options


class Purpose(Enum):
    """What a decode is for."""

    PARTIAL = auto()
    CLOSING_PARTIAL = auto()
    """The last decode of a partial window that was cut at a pause."""
    LANGUAGE = auto()
    FINAL = auto()


@dataclass(frozen=True, slots=True)
class Asked:
    """A decode that is out; positions are samples of session audio."""

    purpose: Purpose
    utterance: Utterance
    start: int
    end: int
    at_pause: bool
    """Whether the window ends in silence, so that its last word is whole."""


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
            return self._final(waiting[0], Priority.FINAL)
        if open_utterance is None:
            return None
        return self._ahead(open_utterance) or self._partial(open_utterance)

    def answer(self, request_id: int) -> Asked | None:
        """Take a decode back; None when its id is stale."""
        return self._out.pop(request_id, None)

    def tail_end(self, utterance: Utterance) -> int:
        """Return where the window of a final ends: a little after its speech."""
        tail = self._samples(self._tuning.tail_ms)
        is_closed = self._endpointer.phase is Phase.CLOSED
        # Before the end, not the buffer's: how much waits there depends on chunking.
        heard = self._buffer.end if is_closed else self._endpointer.position
        return min(utterance.span.speech_end + tail, heard)

    def carry_prompt(self, text: str, utterance: Utterance) -> None:
        """Keep the end of a final's text for the next; empty text clears it."""
        joined = f"{self._prompt} {text}".strip() if text else ""
        self._prompt = _last_words(joined, self._tuning.prompt_chars)
        self._prompt_end = utterance.span.speech_end

    def _final(self, utterance: Utterance, priority: Priority) -> DecodeRequest | None:
        """Ask for the language, then for all of an utterance that is over."""
        end = utterance.window_end or self.tail_end(utterance)
        self._forget_other_finals(utterance, end)
        if self._is_out(Purpose.FINAL, Purpose.LANGUAGE):
            return None
        if utterance.awaits_language:
            return self._language(utterance, priority)
        asked = Asked(Purpose.FINAL, utterance, utterance.window_start, end, True)
        return self._ask(asked, priority, self._final_options(asked))

    def _ahead(self, utterance: Utterance) -> DecodeRequest | None:
        """Ask for what will be the final if the silence lasts."""
        if self._endpointer.phase is not Phase.PAUSE:
            return None
        long_enough = self._samples(self._tuning.tail_ms)
        if self._endpointer.silence_samples < long_enough:
            return None
        if utterance.decoded and utterance.decoded_end == self.tail_end(utterance):
            return None
        return self._final(utterance, Priority.SPECULATIVE)

    def _language(self, utterance: Utterance, priority: Priority) -> DecodeRequest:
        start, end = utterance.window_start, utterance.detect_until or 0
        asked = Asked(Purpose.LANGUAGE, utterance, start, end, False)
        return self._ask(asked, priority, self._window_options(asked, AUTO))

    def _partial(self, utterance: Utterance) -> DecodeRequest | None:
        if self._out or not utterance.options.partials:
            return None
        if utterance.awaits_language:
            return self._language(utterance, Priority.PARTIAL)
        if not self._is_partial_due(utterance):
            return None
        utterance.partial_at = self._endpointer.position
        utterance.partial_voiced_s = utterance.span.voiced_s
        asked = self._partial_window(utterance)
        language = utterance.language or self._assumed(utterance)
        return self._ask(asked, Priority.PARTIAL, self._window_options(asked, language))

    def _is_partial_due(self, utterance: Utterance) -> bool:
        passed = self._endpointer.position - utterance.partial_at
        spoken_s = utterance.span.voiced_s - utterance.partial_voiced_s
        enough_s = self._tuning.min_new_speech_ms / 1000
        return passed >= self._samples(self._tuning.step_ms) and spoken_s >= enough_s

    def _partial_window(self, utterance: Utterance) -> Asked:
        start, end = utterance.partial_start, self._endpointer.position
        pause = self._cut_inside(utterance)
        if pause is not None:
            return Asked(Purpose.CLOSING_PARTIAL, utterance, start, pause, True)
        at_pause = self._endpointer.phase is Phase.PAUSE
        return Asked(Purpose.PARTIAL, utterance, start, end, at_pause)

    def _cut_inside(self, utterance: Utterance) -> int | None:
        """Find the pause at which a partial window that has grown too long is cut."""
        start = utterance.partial_start
        length = self._endpointer.position - start
        if length < self._tuning.partial_window_s * SAMPLE_RATE:
            return None
        shortest = self._samples(self._tuning.min_cut_pause_ms)
        middles = [
            (since + until) // 2
            for since, until in utterance.span.pauses
            if since > start and until - since >= shortest
        ]
        return middles[-1] if middles else None

    def _final_options(self, asked: Asked) -> DecodeOptions:
        utterance = asked.utterance
        language = utterance.language or self._assumed(utterance)
        if utterance.retried:
            # A whole window, unprompted, is what the model was trained on.
            return DecodeOptions(
                language=language,
                candidates=utterance.options.candidates,
                translate=utterance.options.translate,
                max_tokens=self._window_options(asked, language).max_tokens,
                word_times=utterance.options.words,
            )
        prompt = f"{utterance.options.prompt} {self._prompt_for(utterance)}".strip()
        return self._window_options(asked, language, prompt=prompt, word_times=True)

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
        prompt: str = "",
        word_times: bool = False,
    ) -> DecodeOptions:
        return trimmed_options(
            (asked.end - asked.start) / SAMPLE_RATE,
            language=language,
            candidates=asked.utterance.options.candidates,
            translate=asked.utterance.options.translate,
            margin_s=self._tuning.margin_s,
            prompt=prompt,
            word_times=word_times and asked.utterance.options.words,
        )

    def _ask(
        self, asked: Asked, priority: Priority, options: DecodeOptions
    ) -> DecodeRequest:
        self._last_id += 1
        self._out[self._last_id] = asked
        samples = self._buffer.slice(asked.start, asked.end)
        model = asked.utterance.options.model
        return DecodeRequest(self._last_id, priority, samples, options, model)

    def _is_out(self, *purposes: Purpose) -> bool:
        return any(asked.purpose in purposes for asked in self._out.values())

    def _forget_other_finals(self, utterance: Utterance, end: int) -> None:
        """Let go of a speculative final whose audio is not what it turned out to be."""
        for request_id, asked in list(self._out.items()):
            same = asked.utterance is utterance and asked.end == end
            if asked.purpose is Purpose.FINAL and not same:
                del self._out[request_id]

    def _assumed(self, utterance: Utterance) -> str:
        return self._languages.assumed(utterance.options.language)

    def _samples(self, milliseconds: int) -> int:
        return milliseconds * SAMPLE_RATE // 1000


def _last_words(text: str, most_chars: int) -> str:
    """Cut text to its last characters, at a space where there is one."""
    if len(text) <= most_chars:
        return text
    kept = text[len(text) - most_chars :]
    return kept.partition(" ")[2] or kept
