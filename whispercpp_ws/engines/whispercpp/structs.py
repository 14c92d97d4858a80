"""
The C structs of whisper.h 1.8.5 that are passed by value, in its field order.

The order changes between releases, so `expected_defaults` says what libwhisper must
answer when its defaults are read through these declarations.
"""

import ctypes
from collections.abc import Mapping
from ctypes import (
    CFUNCTYPE,
    POINTER,
    c_bool,
    c_char_p,
    c_float,
    c_int,
    c_int32,
    c_int64,
    c_size_t,
    c_void_p,
)


FLT_MAX = 3.4028234663852886e38

NewSegmentCallback = CFUNCTYPE(None, c_void_p, c_void_p, c_int, c_void_p)
ProgressCallback = CFUNCTYPE(None, c_void_p, c_void_p, c_int, c_void_p)
EncoderBeginCallback = CFUNCTYPE(c_bool, c_void_p, c_void_p, c_void_p)
AbortCallback = CFUNCTYPE(c_bool, c_void_p)
LogitsFilterCallback = CFUNCTYPE(
    None, c_void_p, c_void_p, c_void_p, c_int, POINTER(c_float), c_void_p
)
LogCallback = CFUNCTYPE(None, c_int, c_char_p, c_void_p)


class Greedy(ctypes.Structure):
    """The `greedy` member of `whisper_full_params`."""

    __slots__ = ()
    _fields_ = (("best_of", c_int),)


class BeamSearch(ctypes.Structure):
    """The `beam_search` member of `whisper_full_params`."""

    __slots__ = ()
    _fields_ = (("beam_size", c_int), ("patience", c_float))


class VadParams(ctypes.Structure):
    """`whisper_vad_params`."""

    __slots__ = ()
    _fields_ = (
        ("threshold", c_float),
        ("min_speech_duration_ms", c_int),
        ("min_silence_duration_ms", c_int),
        ("max_speech_duration_s", c_float),
        ("speech_pad_ms", c_int),
        ("samples_overlap", c_float),
    )


class FullParams(ctypes.Structure):
    """`whisper_full_params`; a misspelt field raises AttributeError (no `__dict__`)."""

    __slots__ = ()
    _fields_ = (
        ("strategy", c_int),
        ("n_threads", c_int),
        ("n_max_text_ctx", c_int),
        ("offset_ms", c_int),
        ("duration_ms", c_int),
        ("translate", c_bool),
        ("no_context", c_bool),
        ("no_timestamps", c_bool),
        ("single_segment", c_bool),
        ("print_special", c_bool),
        ("print_progress", c_bool),
        ("print_realtime", c_bool),
        ("print_timestamps", c_bool),
        ("token_timestamps", c_bool),
        ("thold_pt", c_float),
        ("thold_ptsum", c_float),
        ("max_len", c_int),
        ("split_on_word", c_bool),
        ("max_tokens", c_int),
        ("debug_mode", c_bool),
        ("audio_ctx", c_int),
        ("tdrz_enable", c_bool),
        ("suppress_regex", c_char_p),
        ("initial_prompt", c_char_p),
        ("carry_initial_prompt", c_bool),
        ("prompt_tokens", POINTER(c_int32)),
        ("prompt_n_tokens", c_int),
        ("language", c_char_p),
        ("detect_language", c_bool),
        ("suppress_blank", c_bool),
        ("suppress_nst", c_bool),
        ("temperature", c_float),
        ("max_initial_ts", c_float),
        ("length_penalty", c_float),
        ("temperature_inc", c_float),
        ("entropy_thold", c_float),
        ("logprob_thold", c_float),
        ("no_speech_thold", c_float),
        ("greedy", Greedy),
        ("beam_search", BeamSearch),
        ("new_segment_callback", NewSegmentCallback),
        ("new_segment_callback_user_data", c_void_p),
        ("progress_callback", ProgressCallback),
        ("progress_callback_user_data", c_void_p),
        ("encoder_begin_callback", EncoderBeginCallback),
        ("encoder_begin_callback_user_data", c_void_p),
        ("abort_callback", AbortCallback),
        ("abort_callback_user_data", c_void_p),
        ("logits_filter_callback", LogitsFilterCallback),
        ("logits_filter_callback_user_data", c_void_p),
        ("grammar_rules", c_void_p),
        ("n_grammar_rules", c_size_t),
        ("i_start_rule", c_size_t),
        ("grammar_penalty", c_float),
        ("vad", c_bool),
        ("vad_model_path", c_char_p),
        ("vad_params", VadParams),
    )


class AlignmentHeads(ctypes.Structure):
    """`whisper_aheads`."""

    __slots__ = ()
    _fields_ = (("n_heads", c_size_t), ("heads", c_void_p))


class ContextParams(ctypes.Structure):
    """`whisper_context_params`."""

    __slots__ = ()
    _fields_ = (
        ("use_gpu", c_bool),
        ("flash_attn", c_bool),
        ("gpu_device", c_int),
        ("dtw_token_timestamps", c_bool),
        ("dtw_aheads_preset", c_int),
        ("dtw_n_top", c_int),
        ("dtw_aheads", AlignmentHeads),
        ("dtw_mem_size", c_size_t),
    )


class TokenData(ctypes.Structure):
    """`whisper_token_data`; times are in units of 10 ms."""

    __slots__ = ()
    _fields_ = (
        ("id", c_int32),
        ("tid", c_int32),
        ("p", c_float),
        ("plog", c_float),
        ("pt", c_float),
        ("ptsum", c_float),
        ("t0", c_int64),
        ("t1", c_int64),
        ("t_dtw", c_int64),
        ("vlen", c_float),
    )


class VadContextParams(ctypes.Structure):
    """`whisper_vad_context_params`."""

    __slots__ = ()
    _fields_ = (("n_threads", c_int), ("use_gpu", c_bool), ("gpu_device", c_int))


EXPECTED_SIZES: Mapping[type[ctypes.Structure], int] = {
    FullParams: 304,
    ContextParams: 48,
    TokenData: 56,
    VadParams: 24,
    AlignmentHeads: 16,
    VadContextParams: 12,
}
"""Bytes of each struct, from a C program compiled against the 1.8.5 header (LP64)."""

FULL_DEFAULTS: Mapping[str, object] = {
    "strategy": 0,
    "n_max_text_ctx": 16384,
    "offset_ms": 0,
    "duration_ms": 0,
    "translate": False,
    "no_context": True,
    "no_timestamps": False,
    "single_segment": False,
    "print_progress": True,
    "print_timestamps": True,
    "token_timestamps": False,
    "thold_pt": 0.01,
    "thold_ptsum": 0.01,
    "max_tokens": 0,
    "audio_ctx": 0,
    "suppress_regex": None,
    "initial_prompt": None,
    "prompt_n_tokens": 0,
    "language": b"en",
    "suppress_blank": True,
    "suppress_nst": False,
    "temperature": 0.0,
    "max_initial_ts": 1.0,
    "length_penalty": -1.0,
    "temperature_inc": 0.2,
    "entropy_thold": 2.4,
    "logprob_thold": -1.0,
    "no_speech_thold": 0.6,
    "greedy.best_of": 5,
    "beam_search.beam_size": -1,
    "grammar_penalty": 100.0,
    "vad": False,
    "vad_model_path": None,
    "vad_params.threshold": 0.5,
    "vad_params.min_speech_duration_ms": 250,
    "vad_params.max_speech_duration_s": FLT_MAX,
    "vad_params.samples_overlap": 0.1,
}
"""What `whisper_full_default_params(0)` must hold, read through `FullParams`."""

CONTEXT_DEFAULTS: Mapping[str, object] = {
    "use_gpu": True,
    "flash_attn": True,
    "gpu_device": 0,
    "dtw_token_timestamps": False,
    "dtw_aheads_preset": 0,
    "dtw_n_top": -1,
    "dtw_aheads.n_heads": 0,
    "dtw_aheads.heads": None,
    "dtw_mem_size": 128 << 20,
}

VAD_CONTEXT_DEFAULTS: Mapping[str, object] = {
    "n_threads": 4,
    "use_gpu": False,
    "gpu_device": 0,
}
