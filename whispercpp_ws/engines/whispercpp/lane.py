"""One decode at a time on shared weights."""

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from whispercpp_ws.decoding import (
    FRAMES_PER_S,
    FULL_AUDIO_CTX,
    SAMPLE_RATE,
    DecodeOptions,
    DecodeRequest,
    Priority,
    Samples,
)
from whispercpp_ws.engines.base import Cancelled, never_cancelled
from whispercpp_ws.engines.whispercpp.binding import (
    on_encode,
    on_logits,
    on_new_segment,
    on_poll,
)
from whispercpp_ws.engines.whispercpp.checks import (
    MAX_FILE_SAMPLES,
    MAX_WINDOW_SAMPLES,
    MIN_WINDOW_SAMPLES,
    check_audio_ctx,
    check_language,
    check_max_tokens,
    check_samples,
)
from whispercpp_ws.engines.whispercpp.ending import RepeatStop
from whispercpp_ws.engines.whispercpp.meter import Meter
from whispercpp_ws.engines.whispercpp.results import (
    Model,
    read_hypothesis,
    read_segments,
)
from whispercpp_ws.engines.whispercpp.settings import FILE, WINDOW, decode_params
from whispercpp_ws.engines.whispercpp.spectrogram import duration_ms
from whispercpp_ws.engines.whispercpp.structs import FullParams, TokenData
from whispercpp_ws.engines.whispercpp.vad import ENOUGH_SPEECH_S, SileroVad
from whispercpp_ws.errors import DecodeFailed, EngineError, RefusedInput, Superseded
from whispercpp_ws.transcript import Hypothesis, Segment, Transcription


MIN_SPEECH_S = 0.09
"""Speech below which a window is not decoded: three frames of the voice detector. Of
200 windows of rain, engines, animals and kitchens 8 had as much, and every window
of speech whose text was right had more."""

WARM_UP = DecodeOptions(audio_ctx=3 * FRAMES_PER_S, max_tokens=8)
"""Of 2 s of silence: about the window of a first partial."""
WARM_UPS = 3
"""The fastest of them counts: the first one also makes buffers, and a moment's trouble
must not tell for the next minute what a speaker costs. In six lanes of tiny.en the
first one said 0.75 to 0.95 ms a frame, the fastest of three 0.67 to 0.85."""
WARM_UP_S = 0.5
"""After which there is no other one: of large models one takes seconds."""

STATE_FREED = -7
"""whisper_full has freed the state before it returned this code."""

ABORTED = (-6, -8, -9)
"""Codes of a decode that an abort callback ended; the state is usable after them."""

_MEANINGS = {
    -2: "the spectrogram could not be computed",
    -3: "the language could not be detected",
    -4: "more than 8 decoders were asked for",
    -5: "audio_ctx is larger than the model's",
    -6: "the encoder failed or was aborted",
    STATE_FREED: "there was no memory for the decoder's cache",
    -8: "the prompt could not be decoded, or was aborted",
    -9: "a decoder step failed or was aborted",
}


class WhisperCppLane:
    """A whisper state; two threads at once are refused, libwhisper would abort."""

    def __init__(
        self, model: Model, on_close: Callable[[], None], vad: SileroVad | None = None
    ) -> None:
        self._model = model
        self._on_close = on_close
        self._vad = vad
        self._busy = threading.Lock()
        self._closed = False
        self._state = self._new_state()

    def decode(
        self, request: DecodeRequest, is_cancelled: Cancelled = never_cancelled
    ) -> Hypothesis:
        """
        Decode one window in one greedy pass; see `engines.base.Lane`.

        A window below 0.2 s, or with a voice detector one without speech, gives an
        empty hypothesis. A cancelled one ends after its encode or its next token.
        """
        with self._exclusive():
            meter = Meter(self._model.encoder, request.threads)
            return meter.charge(self._decode(request, meter, is_cancelled))

    def transcribe(
        self,
        samples: Samples,
        options: DecodeOptions,
        on_segment: Callable[[Segment], None],
    ) -> Transcription:
        """
        Decode up to 4 h of audio on full windows; see `engines.base.Lane`.

        An exception of `on_segment` ends the decode and is raised from here.
        """
        with self._exclusive():
            check_samples(samples, longest=MAX_FILE_SAMPLES)
            self._check_options(options)
            if self._model.aligned:
                raise RefusedInput(
                    "transcribe: expected an engine loaded with word_times=False; "
                    "alignment aborts the process on some segments"
                )
            if len(samples) < MIN_WINDOW_SAMPLES:
                return Transcription(self._nothing(options, speech_s=None).language, ())
            # A state's random numbers continue from call to call, and sampling at
            # temperatures above 0 would make results depend on earlier files.
            self._renew_state()
            return self._transcribe(samples, options, on_segment)

    def detect_language(
        self, samples: Samples, *, audio_ctx: int = FULL_AUDIO_CTX
    ) -> tuple[str, float]:
        """
        Return the likeliest language of a window and its probability, 0 to 1.

        Costs one encode of `audio_ctx` frames; English-only models answer at once.
        """
        with self._exclusive():
            check_samples(samples, longest=MAX_WINDOW_SAMPLES)
            check_audio_ctx(audio_ctx, len(samples))
            return self._detect(samples, audio_ctx)

    def warm_up(self) -> float:
        """Decode 2 s of silence, whatever a voice detector says; see `base.Lane`."""
        silence = np.zeros(2 * SAMPLE_RATE, np.float32)
        until_s, fastest_s = time.monotonic() + WARM_UP_S, math.inf
        with self._exclusive():
            self._speech_s(silence, WARM_UP)
            for _ in range(WARM_UPS):
                fastest_s = min(fastest_s, self._cpu_s_of(silence))
                if time.monotonic() > until_s:
                    break
        return fastest_s / WARM_UP.audio_ctx

    def _cpu_s_of(self, silence: Samples) -> float:
        request = DecodeRequest(0, Priority.FINAL, silence, WARM_UP)
        meter = Meter(self._model.encoder, request.threads)
        heard = meter.charge(self._heard(request, meter, never_cancelled))
        # Not the time on the clock: others may have the cores while a server starts.
        return heard.cost.cpu_s

    def rest(self) -> None:
        """Free the state until the next decode, and give its memory to the system."""
        with self._exclusive():
            self._free_state()
            self._model.lib.trim()

    def close(self) -> None:
        """Free the state; closing twice is allowed, closing a busy lane is not."""
        if self._closed:
            return
        with self._exclusive():
            self._closed = True
            self._free_state()
            if self._vad:
                self._vad.close()
        self._on_close()

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        if not self._busy.acquire(blocking=False):
            raise RefusedInput("lane: expected one thread at a time, got two; open two")
        try:
            if self._closed:
                raise RefusedInput("lane: expected an open lane, got a closed one")
            yield
        finally:
            self._busy.release()

    def _decode(
        self, request: DecodeRequest, meter: Meter, is_cancelled: Cancelled
    ) -> Hypothesis:
        samples, options = request.samples, request.options
        check_samples(samples, longest=MAX_WINDOW_SAMPLES)
        check_audio_ctx(options.audio_ctx, len(samples))
        self._check_options(options)
        if len(samples) < MIN_WINDOW_SAMPLES:
            return self._nothing(options, speech_s=None)
        with meter.voice_detection():
            speech_s = self._speech_s(samples, options)
        if speech_s is not None and speech_s < MIN_SPEECH_S:
            return self._nothing(options, speech_s=speech_s)
        heard = self._heard(request, meter, is_cancelled)
        return replace(heard, speech_s=speech_s)

    def _heard(
        self, request: DecodeRequest, meter: Meter, is_cancelled: Cancelled
    ) -> Hypothesis:
        samples, options = request.samples, request.options
        if options.language == "auto" and len(self._model.languages) > 1:
            meter.note_encode(options.audio_ctx)
        language, probability = self._language_used(samples, options)
        params = decode_params(
            self._model.lib,
            WINDOW,
            options,
            language=language,
            audio_ctx=options.audio_ctx,
            prompt=self._model.tokenizer.tokenize(options.prompt),
        )
        params.n_threads = request.threads
        stop = RepeatStop(self._model.tokenizer.end_of_text)
        params.logits_filter_callback = on_logits(self._filter(stop))
        meter.note_encode(options.audio_ctx)
        params.duration_ms = duration_ms(len(samples))
        self._run_while_wanted(params, samples, is_cancelled)
        return read_hypothesis(
            self._model,
            self._state,
            seconds=request.seconds,
            language=(language, probability),
            text_tokens=stop.text_tokens,
        )

    def _filter(self, stop: RepeatStop) -> Callable[[Iterable[TokenData], Any], None]:
        blas = self._model.blas if self._model.aligned else None
        if blas is None:
            return stop.filter

        def filter_logits(tokens: Iterable[TokenData], logits: Any) -> None:
            stop.filter(tokens, logits)
            if stop.is_over:
                blas.expect_alignment()

        return filter_logits

    def _check_options(self, options: DecodeOptions) -> None:
        for language in (options.language, *options.candidates):
            check_language(language, self._model.languages)
        check_max_tokens(options.max_tokens)

    def _new_state(self) -> int:
        blas = self._model.blas
        with blas.offered() if blas else nullcontext():
            state = self._model.lib.init_state(self._model.context)
        if not state:
            raise EngineError(
                f"no memory for one more lane ({self._model.lib.last_error}); "
                "use fewer lanes or a smaller model"
            )
        return state

    def _free_state(self) -> None:
        state, self._state = self._state, 0
        if state:
            self._model.lib.free_state(state)

    def _renew_state(self) -> None:
        self._free_state()
        self._state = self._new_state()

    def _wake(self) -> None:
        """Make the state that was freed for a rest, or by a failure."""
        if not self._state:
            self._state = self._new_state()

    def _hear(self, samples: Samples, audio_ctx: int) -> None:
        """Give the state the spectrogram of a window."""
        self._wake()
        spectrogram = self._model.spectrograms.make(samples, audio_ctx)
        context = self._model.context
        if self._model.lib.set_mel(context, self._state, spectrogram):
            # It would decode the window of an earlier request, which may be another's.
            raise DecodeFailed(
                f"libwhisper refused a spectrogram of {len(spectrogram)} bands: "
                f"{self._model.lib.last_error}"
            )

    def _run(self, params: FullParams, samples: Samples | None = None) -> None:
        """Decode samples, or without them what the state has heard."""
        self._wake()
        if self._model.blas:
            params.encoder_begin_callback = on_encode(self._model.blas.expect_encode)
        code = self._model.lib.full(self._model.context, self._state, params, samples)
        if code == STATE_FREED:
            self._state = 0
        if code != 0:
            meaning = _MEANINGS.get(code, "an unknown failure")
            raise DecodeFailed(
                f"libwhisper returned {code}: {meaning}", return_code=code
            )

    def _run_while_wanted(
        self, params: FullParams, samples: Samples, is_cancelled: Cancelled
    ) -> None:
        cancelled = Superseded("the decode was cancelled")
        # C asks after the encode only, which is most of a short window's work.
        if is_cancelled():
            raise cancelled
        params.abort_callback = on_poll(is_cancelled)
        self._hear(samples, params.audio_ctx)
        try:
            self._run(params)
        except DecodeFailed as error:
            if error.return_code in ABORTED and is_cancelled():
                raise cancelled from error
            raise

    def _speech_s(self, samples: Samples, options: DecodeOptions) -> float | None:
        if self._vad is None:
            return None
        if options.known_speech_s >= ENOUGH_SPEECH_S:
            return options.known_speech_s
        return self._vad.speech_s(samples[round(options.context_s * SAMPLE_RATE) :])

    def _nothing(self, options: DecodeOptions, *, speech_s: float | None) -> Hypothesis:
        """Return what is heard in a window that is not decoded."""
        language, probability = options.language, 1.0
        if language == "auto":
            language, probability = self._model.languages[0], 0.0
        return Hypothesis(
            language=language, language_probability=probability, speech_s=speech_s
        )

    def _language_used(
        self, samples: Samples, options: DecodeOptions
    ) -> tuple[str, float]:
        if options.language != "auto":
            return options.language, 1.0
        return self._detect(samples, options.audio_ctx, options.candidates)

    def _detect(
        self, samples: Samples, audio_ctx: int, candidates: Sequence[str] = ()
    ) -> tuple[str, float]:
        known = self._model.languages
        if len(known) == 1 or len(samples) < MIN_WINDOW_SAMPLES:
            return known[0], 1.0 / len(known)
        self._hear(samples, audio_ctx)
        self._set_audio_ctx(audio_ctx)
        if self._model.blas:
            self._model.blas.expect_encode()
        probabilities = self._model.lib.language_probabilities(
            self._model.context, self._state
        )
        if not probabilities:
            raise DecodeFailed(f"libwhisper returned -3: {_MEANINGS[-3]}")
        # libwhisper also scores languages beyond those the model was trained on.
        scored = dict(zip(known, probabilities, strict=False))
        return _likeliest({code: scored[code] for code in candidates} or scored)

    def _set_audio_ctx(self, audio_ctx: int) -> None:
        """
        Give the state its `audio_ctx`, without encoding.

        libwhisper's own detection would run with the one of the state's previous
        request. A call for the first 100 ms sets this one and returns before encoding.
        """
        params = decode_params(
            self._model.lib,
            WINDOW,
            DecodeOptions(),
            language=self._model.languages[0],
            audio_ctx=audio_ctx,
        )
        params.duration_ms = 100
        self._run(params)

    def _transcribe(
        self,
        samples: Samples,
        options: DecodeOptions,
        on_segment: Callable[[Segment], None],
    ) -> Transcription:
        language = self._language_of_file(samples, options)
        params = decode_params(
            self._model.lib,
            FILE,
            options,
            language=language,
            audio_ctx=FULL_AUDIO_CTX,
            prompt=self._model.tokenizer.tokenize(options.prompt),
        )
        relay = _SegmentRelay(
            partial(read_segments, self._model, self._state), on_segment
        )
        params.new_segment_callback = on_new_segment(relay.take)
        params.abort_callback = on_poll(relay.failed)
        try:
            self._run(params, samples)
        finally:
            relay.raise_failure()
        return Transcription(language, tuple(relay.segments))

    def _language_of_file(self, samples: Samples, options: DecodeOptions) -> str:
        if options.language != "auto":
            return options.language
        return self._detect(samples[:MAX_WINDOW_SAMPLES], FULL_AUDIO_CTX)[0]


def _likeliest(scored: dict[str, float]) -> tuple[str, float]:
    """Return the best language and its share of what all of them scored."""
    code = max(scored, key=lambda code: scored[code])
    return code, scored[code] / max(sum(scored.values()), 1e-9)


class _SegmentRelay:
    """Pass segments on from inside a C call, where nothing may be raised."""

    def __init__(
        self,
        segments_from: Callable[[int], list[Segment]],
        on_segment: Callable[[Segment], None],
    ) -> None:
        self.segments: list[Segment] = []
        self._segments_from = segments_from
        self._on_segment = on_segment
        self._failure: BaseException | None = None

    def take(self) -> None:
        try:
            for segment in self._segments_from(len(self.segments)):
                self.segments.append(segment)
                self._on_segment(segment)
        except BaseException as error:  # noqa: BLE001 - raised by raise_failure
            self._failure = error

    def failed(self) -> bool:
        return self._failure is not None

    def raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
