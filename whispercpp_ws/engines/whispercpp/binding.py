"""
libwhisper's C functions with Python types; nothing here decides anything.

Every argument is assumed to be checked: a C++ exception behind ctypes ends the
process. Handles (contexts, states, VAD contexts) are plain integers, 0 is NULL.
"""

import ctypes
import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from ctypes import POINTER, c_bool, c_char_p, c_float, c_int, c_int32, c_int64, c_void_p
from functools import cache
from math import isclose
from operator import attrgetter
from typing import Any

from whispercpp_ws.decoding import Samples
from whispercpp_ws.engines.whispercpp.library import WHISPER_VERSION, load_whisper
from whispercpp_ws.engines.whispercpp.spectrogram import Spectrogram
from whispercpp_ws.engines.whispercpp.structs import (
    CONTEXT_DEFAULTS,
    EXPECTED_SIZES,
    FULL_DEFAULTS,
    VAD_CONTEXT_DEFAULTS,
    AbortCallback,
    ContextParams,
    EncoderBeginCallback,
    FullParams,
    LogCallback,
    LogitsFilterCallback,
    NewSegmentCallback,
    TokenData,
    VadContextParams,
)
from whispercpp_ws.errors import LibraryMismatch


_Handle = c_void_p
_Floats = POINTER(c_float)

_PROTOTYPES: Mapping[str, tuple[Any, ...]] = {
    "whisper_context_default_params": (ContextParams,),
    "whisper_full_default_params": (FullParams, c_int),
    "whisper_vad_default_context_params": (VadContextParams,),
    "whisper_init_from_file_with_params_no_state": (_Handle, c_char_p, ContextParams),
    "whisper_init_state": (_Handle, _Handle),
    "whisper_free_state": (None, _Handle),
    "whisper_free": (None, _Handle),
    "whisper_set_mel_with_state": (c_int, _Handle, _Handle, _Floats, c_int, c_int),
    "whisper_full_with_state": (c_int, _Handle, _Handle, FullParams, _Floats, c_int),
    "whisper_full_n_segments_from_state": (c_int, _Handle),
    "whisper_full_get_segment_t0_from_state": (c_int64, _Handle, c_int),
    "whisper_full_get_segment_t1_from_state": (c_int64, _Handle, c_int),
    "whisper_full_n_tokens_from_state": (c_int, _Handle, c_int),
    "whisper_full_get_token_data_from_state": (TokenData, _Handle, c_int, c_int),
    "whisper_lang_auto_detect_with_state": (
        c_int,
        _Handle,
        _Handle,
        c_int,
        c_int,
        _Floats,
    ),
    "whisper_lang_max_id": (c_int,),
    "whisper_lang_str": (c_char_p, c_int),
    "whisper_model_n_vocab": (c_int, _Handle),
    "whisper_token_eot": (c_int32, _Handle),
    "whisper_token_to_str": (c_char_p, _Handle, c_int32),
    "whisper_tokenize": (c_int, _Handle, c_char_p, POINTER(c_int32), c_int),
    "whisper_log_set": (None, LogCallback, c_void_p),
    "whisper_vad_init_from_file_with_params": (_Handle, c_char_p, VadContextParams),
    "whisper_vad_detect_speech_no_reset": (c_bool, _Handle, _Floats, c_int),
    "whisper_vad_n_probs": (c_int, _Handle),
    "whisper_vad_probs": (_Floats, _Handle),
    "whisper_vad_reset_state": (None, _Handle),
    "whisper_vad_free": (None, _Handle),
}
"""Result type, then argument types, of every C function used."""

_LOG_LEVELS = {1: logging.DEBUG, 2: logging.DEBUG, 3: logging.WARNING, 4: logging.ERROR}
"""ggml's levels; its INFO lines describe every buffer, so they are debugging here."""


_ANSWERED = ("failed to encode", "failed to decode")
"""Lines that come with a return code, which the caller makes an error of, and whenever
a decode is broken off on purpose."""


class LibWhisper:
    """The C functions of one loaded libwhisper; one per process (`load_binding`)."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.last_error = ""
        """The last line libwhisper logged as an error, for messages about failures."""
        self._c = library
        self._logger = logging.getLogger("whispercpp_ws.libwhisper")
        for name, (result, *arguments) in _PROTOTYPES.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
        # libwhisper keeps the pointer for the life of the process: so do we.
        self._log_callback = LogCallback(self._log)
        library.whisper_log_set(self._log_callback, None)

    def check(self) -> None:
        """
        Compare struct sizes and defaults with those of the declared version.

        Raises:
            LibraryMismatch: a field reads differently; its name and values are given.
        """
        for struct, size in EXPECTED_SIZES.items():
            _require_equal(f"sizeof {struct.__name__}", size, ctypes.sizeof(struct))
        _check_defaults(self.full_params(), FULL_DEFAULTS)
        _check_defaults(self.context_params(), CONTEXT_DEFAULTS)
        _check_defaults(self.vad_context_params(), VAD_CONTEXT_DEFAULTS)

    def full_params(self) -> FullParams:
        """Return the defaults of a greedy decode, for the caller to overwrite."""
        params: FullParams = self._c.whisper_full_default_params(0)
        return params

    def context_params(self) -> ContextParams:
        """Return the defaults of a context, for the caller to overwrite."""
        params: ContextParams = self._c.whisper_context_default_params()
        return params

    def vad_context_params(self) -> VadContextParams:
        """Return the defaults of a VAD context, for the caller to overwrite."""
        params: VadContextParams = self._c.whisper_vad_default_context_params()
        return params

    def init_context(self, path: bytes, params: ContextParams) -> int:
        """Load a model's weights; 0 when it cannot be loaded."""
        handle = self._c.whisper_init_from_file_with_params_no_state(path, params)
        return int(handle or 0)

    def init_state(self, context: int) -> int:
        """Make the working memory of one decode at a time; 0 when there is none."""
        return int(self._c.whisper_init_state(context) or 0)

    def free_state(self, state: int) -> None:
        """Free a state that no thread uses."""
        self._c.whisper_free_state(state)

    def trim(self) -> None:
        """Give freed memory back to the system; glibc keeps it otherwise."""
        malloc_trim = getattr(self._c, "malloc_trim", None)
        if malloc_trim is not None:
            malloc_trim(0)

    def free_context(self, context: int) -> None:
        """Free a context whose states are all freed."""
        self._c.whisper_free(context)

    def full(
        self, context: int, state: int, params: FullParams, samples: Samples | None
    ) -> int:
        """Decode samples, or the state's spectrogram; returns 0 for success."""
        count = 0 if samples is None else len(samples)
        pointer = None if samples is None else samples.ctypes.data_as(_Floats)
        code = self._c.whisper_full_with_state(context, state, params, pointer, count)
        return int(code)

    def set_mel(self, context: int, state: int, spectrogram: Spectrogram) -> int:
        """Copy a spectrogram to a state; returns 0, or -1 where the bands are not the
        model's and the state keeps what it heard before."""
        bands, frames = spectrogram.shape
        pointer = spectrogram.ctypes.data_as(_Floats)
        set_mel = self._c.whisper_set_mel_with_state
        return int(set_mel(context, state, pointer, frames, bands))

    def segment_count(self, state: int) -> int:
        """Count the segments of the state's last decode."""
        return int(self._c.whisper_full_n_segments_from_state(state))

    def segment_times(self, state: int, segment: int) -> tuple[int, int]:
        """Return a segment's start and end in units of 10 ms."""
        start = self._c.whisper_full_get_segment_t0_from_state(state, segment)
        end = self._c.whisper_full_get_segment_t1_from_state(state, segment)
        return int(start), int(end)

    def tokens(self, state: int, segment: int) -> list[TokenData]:
        """Return the tokens of a segment, special ones included."""
        count = self._c.whisper_full_n_tokens_from_state(state, segment)
        get = self._c.whisper_full_get_token_data_from_state
        return [get(state, segment, index) for index in range(count)]

    def language_probabilities(self, context: int, state: int) -> list[float]:
        """Encode the state's mel on one thread; empty list when that fails."""
        probabilities = (c_float * (self._c.whisper_lang_max_id() + 1))()
        code = self._c.whisper_lang_auto_detect_with_state(
            context, state, 0, 1, probabilities
        )
        return list(probabilities) if code >= 0 else []

    def language_codes(self) -> list[str]:
        """Return the language codes by id; a model may know only the first ones."""
        ids = range(self._c.whisper_lang_max_id() + 1)
        return [self._c.whisper_lang_str(index).decode("ascii") for index in ids]

    def vocabulary_size(self, context: int) -> int:
        """Return n_vocab: 51864 for English-only models, more for the others."""
        return int(self._c.whisper_model_n_vocab(context))

    def end_of_text(self, context: int) -> int:
        """Return the first special token; every text token is smaller."""
        return int(self._c.whisper_token_eot(context))

    def token_bytes(self, context: int, token: int) -> bytes:
        """Return a token's bytes, which may be part of a UTF-8 character."""
        data: bytes = self._c.whisper_token_to_str(context, token)
        return data

    def tokenize(self, context: int, text: bytes) -> list[int]:
        """Return the tokens of UTF-8 text without NUL bytes."""
        # No token is shorter than a byte, so this much room is always enough.
        buffer = (c_int32 * (len(text) + 1))()
        count = self._c.whisper_tokenize(context, text, buffer, len(buffer))
        return buffer[:count]

    def init_vad(self, path: bytes, params: VadContextParams) -> int:
        """Load a Silero model; 0 when it cannot be loaded."""
        handle = self._c.whisper_vad_init_from_file_with_params(path, params)
        return int(handle or 0)

    def vad_probabilities(self, vad: int, samples: Samples) -> list[float]:
        """Continue a stream with 512-sample windows; returns one for each."""
        pointer = samples.ctypes.data_as(_Floats)
        self._c.whisper_vad_detect_speech_no_reset(vad, pointer, len(samples))
        count = self._c.whisper_vad_n_probs(vad)
        return [float(one) for one in self._c.whisper_vad_probs(vad)[:count]]

    def reset_vad(self, vad: int) -> None:
        """Forget the stream so far."""
        self._c.whisper_vad_reset_state(vad)

    def free_vad(self, vad: int) -> None:
        """Free a VAD context that no thread uses."""
        self._c.whisper_vad_free(vad)

    def _log(self, level: int, text: bytes | None, _user_data: int | None) -> None:
        line = (text or b"").decode("utf-8", "replace").strip()
        if level == 4 and line:
            self.last_error = line
        if line:
            is_answered = line.endswith(_ANSWERED)
            severity = (
                logging.DEBUG if is_answered else _LOG_LEVELS.get(level, logging.DEBUG)
            )
            self._logger.log(severity, "%s", line)


@cache
def load_binding() -> LibWhisper:
    """
    Load, declare and check libwhisper, once per process.

    Raises:
        LibraryNotFound: no libwhisper is installed.
        LibraryMismatch: it is not the version these structs were declared for.
    """
    # Read when ggml is loaded: its terminate handler would fork a debugger.
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")
    binding = LibWhisper(load_whisper())
    binding.check()
    return binding


def token_array(tokens: Sequence[int]) -> ctypes.Array[c_int32]:
    """Make a C array for `prompt_tokens`."""
    return (c_int32 * len(tokens))(*tokens)


def on_new_segment(callback: Callable[[], None]) -> Any:
    """Wrap a function to be called after each segment; it must not raise."""
    return NewSegmentCallback(lambda _ctx, _state, _count, _user: callback())


def on_encode(callback: Callable[[], None]) -> Any:
    """Wrap a function to be called before each encode; it must not raise."""

    def begin(_ctx: int, _state: int, _user: int) -> bool:
        callback()
        return True

    return EncoderBeginCallback(begin)


def on_poll(callback: Callable[[], bool]) -> Any:
    """Wrap a function that says whether to abort; called after each decoder step."""
    return AbortCallback(lambda _user: callback())


def on_logits(callback: Callable[[Iterable[TokenData], Any], None]) -> Any:
    """
    Wrap a function that may change a decoder step's logits; it must not raise.

    It is given the tokens so far, and a pointer to one float for each token there is;
    both are only valid while it runs.
    """

    def filter_logits(
        _ctx: int, _state: int, tokens: int | None, count: int, logits: Any, _user: int
    ) -> None:
        so_far = (TokenData * count).from_address(tokens) if tokens else ()
        callback(so_far, logits)

    return LogitsFilterCallback(filter_logits)


def _check_defaults(struct: ctypes.Structure, expected: Mapping[str, object]) -> None:
    name = type(struct).__name__
    for field, value in expected.items():
        _require_equal(f"default of {name}.{field}", value, attrgetter(field)(struct))


def _require_equal(what: str, expected: object, got: object) -> None:
    same = expected == got
    if isinstance(expected, float) and isinstance(got, float):
        same = isclose(expected, got, rel_tol=1e-6)
    if not same:
        raise LibraryMismatch(
            f"{what}: expected {expected!r} as in libwhisper {WHISPER_VERSION}, "
            f"got {got!r}; install the pywhispercpp release that carries it"
        )
