"""
Every field of `whisper_full_params`, set on every call.

Nothing is left to libwhisper's defaults: some are unsafe in a server, and a wheel
with other defaults would change results silently.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from whispercpp_ws.decoding import DecodeOptions
from whispercpp_ws.engines.whispercpp.binding import LibWhisper, token_array
from whispercpp_ws.engines.whispercpp.checks import MAX_TOKENS
from whispercpp_ws.engines.whispercpp.structs import (
    AbortCallback,
    BeamSearch,
    EncoderBeginCallback,
    FullParams,
    Greedy,
    LogitsFilterCallback,
    NewSegmentCallback,
    ProgressCallback,
    VadParams,
)


NEVER = 2.0
"""Above any probability. libwhisper's no-speech probability is read from logits that
an earlier request left behind, so a threshold it can reach would let one client's
request drop another's text."""

_FIXED: dict[str, object] = {
    "strategy": 0,
    # More lanes, not more threads: 1.4 times the throughput, and no spin barriers.
    "n_threads": 1,
    "offset_ms": 0,
    "duration_ms": 0,
    "no_context": True,
    "print_special": False,
    "print_progress": False,
    "print_realtime": False,
    "print_timestamps": False,
    "thold_pt": 0.01,
    "thold_ptsum": 0.01,
    "max_len": 0,
    "split_on_word": False,
    "debug_mode": False,
    "tdrz_enable": False,
    # A malformed expression ends the process.
    "suppress_regex": None,
    # Given as tokens instead, checked and bounded.
    "initial_prompt": None,
    "carry_initial_prompt": False,
    "detect_language": False,
    "suppress_blank": True,
    "suppress_nst": True,
    "temperature": 0.0,
    "max_initial_ts": 1.0,
    "length_penalty": -1.0,
    "entropy_thold": 2.4,
    "logprob_thold": -1.0,
    "no_speech_thold": NEVER,
    "new_segment_callback_user_data": None,
    "progress_callback_user_data": None,
    "encoder_begin_callback_user_data": None,
    "abort_callback_user_data": None,
    "logits_filter_callback_user_data": None,
    "grammar_rules": None,
    "n_grammar_rules": 0,
    "i_start_rule": 0,
    "grammar_penalty": 100.0,
    # whisper_full_with_state ignores it, and it would shift times.
    "vad": False,
    "vad_model_path": None,
}


@dataclass(frozen=True, slots=True)
class Mode:
    """What differs between a live window and a whole file."""

    fields: dict[str, object]
    best_of: int
    """Samples drawn at temperatures above 0; each costs a decoder pass."""
    prompt_tokens: int
    """The most libwhisper takes: its text context less the "previous text" token."""


WINDOW = Mode(
    fields={
        "n_max_text_ctx": MAX_TOKENS,
        # Accurate and cheap on a trimmed window; times come from alignment instead.
        "no_timestamps": True,
        "single_segment": True,
        "token_timestamps": False,
        # No fallback: a looping clip would cost six decodes.
        "temperature_inc": 0.0,
    },
    best_of=1,
    prompt_tokens=MAX_TOKENS - 1,
)

FILE = Mode(
    fields={
        # Text carried from one 30 s window to the next; longer contexts feed loops.
        "n_max_text_ctx": 64,
        "no_timestamps": False,
        "single_segment": False,
        "token_timestamps": True,
        "temperature_inc": 0.2,
    },
    best_of=2,
    prompt_tokens=63,
)

VARIABLE_FIELDS = (
    "translate",
    "max_tokens",
    "audio_ctx",
    "prompt_tokens",
    "prompt_n_tokens",
    "language",
    "greedy",
    "beam_search",
    "new_segment_callback",
    "progress_callback",
    "encoder_begin_callback",
    "abort_callback",
    "logits_filter_callback",
    "vad_params",
)
"""Fields that are not constants; with the tables above, all there are."""


def decode_params(
    lib: LibWhisper,
    mode: Mode,
    options: DecodeOptions,
    *,
    language: str,
    audio_ctx: int,
    prompt: Sequence[int] = (),
) -> FullParams:
    """Return the parameters of one call; `prompt` is cut to its last tokens."""
    params = lib.full_params()
    for field, value in (_FIXED | mode.fields).items():
        setattr(params, field, value)
    params.language = language.encode("ascii")
    params.translate = options.translate
    params.audio_ctx = audio_ctx
    params.max_tokens = min(options.max_tokens, MAX_TOKENS)
    params.greedy = Greedy(mode.best_of)
    params.beam_search = BeamSearch(-1, -1.0)
    params.vad_params = VadParams(0.5, 250, 100, 3600.0, 30, 0.1)
    _set_prompt(params, prompt[-mode.prompt_tokens :])
    _clear_callbacks(params)
    return params


def _set_prompt(params: FullParams, prompt: Sequence[int]) -> None:
    # The struct keeps the array alive.
    params.prompt_n_tokens = len(prompt)
    params.prompt_tokens = token_array(prompt) if prompt else None


def _clear_callbacks(params: FullParams) -> None:
    params.new_segment_callback = NewSegmentCallback()
    params.progress_callback = ProgressCallback()
    params.encoder_begin_callback = EncoderBeginCallback()
    params.abort_callback = AbortCallback()
    params.logits_filter_callback = LogitsFilterCallback()
