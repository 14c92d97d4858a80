"""
whisper.cpp's HTTP server (examples/server): the form of `/inference` and its answers.

Field by field as the original: unknown fields are ignored, and an unknown format is
json. What this server cannot do is refused where silence would mislead, and what a
session does not keep (token ids, probabilities of languages) is left out.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from whispercpp_ws.errors import BadMessage
from whispercpp_ws.events import Final, SessionOptions
from whispercpp_ws.protocols.captions import one_line, srt, vtt
from whispercpp_ws.protocols.json_object import JsonObject
from whispercpp_ws.protocols.languages import language_name, named_language
from whispercpp_ws.protocols.recording import (
    Body,
    Form,
    Recording,
    field,
    number,
    prompt,
)
from whispercpp_ws.transcript import Word


TRUE = frozenset({"true", "1", "yes", "y"})
"""Everything else is false, as in the original's parse_str_to_bool."""
MAX_MS = 86_400_000.0
REFUSED = ("diarize", "tinydiarize")
CHECKED = (
    *("max_context", "max_len", "best_of", "beam_size", "audio_ctx"),
    *("word_thold", "entropy_thold", "logprob_thold", "no_speech_thold"),
    *("temperature", "temperature_inc", "vad_threshold", "vad_samples_overlap"),
    *("vad_min_speech_duration_ms", "vad_min_silence_duration_ms"),
    *("vad_max_speech_duration_s", "vad_speech_pad_ms"),
)
"""Numbers that steer the original's decoder; this one's guards choose for themselves.
They are still read, since a client that writes them wrong wants to know."""


@dataclass(frozen=True, slots=True)
class Inference:
    """What a form asks for."""

    options: SessionOptions
    form: str = "json"
    offset_s: float = 0.0
    """Where in the file to begin."""
    duration_s: float = 0.0
    """How much of it to take; 0 takes all."""
    first_cue: int = 1
    has_times: bool = True
    has_word_times: bool = True
    temperature: float = 0.0
    """Said again in the answer, as the original does."""
    has_probabilities: bool = True


def read_form(form: Form, defaults: SessionOptions) -> Inference:
    """
    Read the text fields of `/inference`.

    Raises:
        BadMessage: a value is wrong, or asks for what this server cannot do.
    """
    for name in REFUSED:
        if _flag(form, name):
            raise BadMessage.expected(name, "false: speakers are not told apart", True)
    for name in CHECKED:
        number(form, name, 0.0, low=-1e9, high=1e9)
    has_times = not _flag(form, "no_timestamps")
    return Inference(
        options=_options(form, defaults),
        form=field(form, "response_format", "json"),
        offset_s=number(form, "offset_t", 0.0, low=0, high=MAX_MS) / 1000,
        duration_s=number(form, "duration", 0.0, low=0, high=MAX_MS) / 1000,
        first_cue=1 + int(number(form, "offset_n", 0.0, low=0, high=1e9)),
        has_times=has_times,
        has_word_times=has_times and _flag(form, "token_timestamps", True),
        temperature=number(form, "temperature", 0.0, low=-1e9, high=1e9),
        has_probabilities=not _flag(form, "no_language_probabilities"),
    )


def write_body(recording: Recording, asked: Inference) -> Body:
    """Write the answer in the format that was asked for."""
    return _WRITERS.get(asked.form, _json)(recording, asked)


def error_body(message: str) -> str:
    """Write an error of the original's form."""
    return json.dumps({"error": message}, ensure_ascii=False)


def _flag(form: Form, name: str, default: bool = False) -> bool:
    return field(form, name) in TRUE if name in form else default


def _options(form: Form, defaults: SessionOptions) -> SessionOptions:
    language = named_language(field(form, "language", defaults.language))
    is_detected = _flag(form, "detect_language")
    return replace(
        defaults,
        language="auto" if is_detected else language,
        prompt=prompt(form),
        translate=_flag(form, "translate"),
        words=True,
        partials=False,
    )


def _text(recording: Recording, asked: Inference) -> Body:
    return Body("text/html", _lines(recording))


def _json(recording: Recording, asked: Inference) -> Body:
    return _as_json({"text": _lines(recording)})


def _srt(recording: Recording, asked: Inference) -> Body:
    cues = srt(recording.finals, _segment_text, first=asked.first_cue)
    return Body("application/x-subrip", cues)


def _vtt(recording: Recording, asked: Inference) -> Body:
    return Body("text/vtt", vtt(recording.finals, _segment_text))


def _verbose_json(recording: Recording, asked: Inference) -> Body:
    language = language_name(recording.language)
    body: JsonObject = {
        "task": "translate" if asked.options.translate else "transcribe",
        "language": language,
        "duration": round(recording.seconds, 3),
        "text": _lines(recording),
        "segments": [
            _segment(number, final, asked)
            for number, final in enumerate(recording.finals)
        ],
    }
    if asked.has_probabilities:
        body["detected_language"] = language
    return _as_json(body)


def _segment(number: int, final: Final, asked: Inference) -> JsonObject:
    body: JsonObject = {"id": number, "text": _segment_text(final)}
    if asked.has_times:
        body |= {"start": round(final.start_s, 3), "end": round(final.end_s, 3)}
    return body | {
        "words": [_word(word, asked) for word in final.words or ()],
        "temperature": asked.temperature,
        "avg_logprob": round(math.log(max(final.confidence, 1e-6)), 4),
        "no_speech_prob": 0.0,
    }


def _word(word: Word, asked: Inference) -> JsonObject:
    body: JsonObject = {"word": f" {word.text}"}
    if asked.has_word_times:
        times = {"start": round(word.start_s, 3), "end": round(word.end_s, 3)}
        body |= {**times, "t_dtw": -1}
    return body | {"probability": round(word.confidence, 3)}


def _lines(recording: Recording) -> str:
    return "".join(f"{_segment_text(final)}\n" for final in recording.finals)


def _segment_text(final: Final) -> str:
    return f" {one_line(final.text)}"


def _as_json(body: JsonObject) -> Body:
    return Body("application/json", json.dumps(body, ensure_ascii=False))


_WRITERS: dict[str, Callable[[Recording, Inference], Body]] = {
    "json": _json,
    "text": _text,
    "srt": _srt,
    "vtt": _vtt,
    "verbose_json": _verbose_json,
}
