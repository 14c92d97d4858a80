"""
OpenAI's REST interface for audio: the forms, the answers and the stream of events.

Any model name is taken, since clients must send one of OpenAI's. What this server
cannot do is refused where silence would mislead; hints are passed over.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from whispercpp_ws.errors import BadMessage, SpeechError
from whispercpp_ws.events import Final, SessionOptions
from whispercpp_ws.protocols.captions import escaped, one_line, srt, vtt
from whispercpp_ws.protocols.json_object import JsonObject
from whispercpp_ws.protocols.languages import language_name, named_language
from whispercpp_ws.protocols.recording import (
    Body,
    Form,
    Recording,
    field,
    joined,
    number,
    prompt,
)


FORMATS = ("json", "text", "srt", "verbose_json", "vtt")
STREAMED = ("json", "text")
"""Formats of which a part says something."""
GRANULARITIES = frozenset({"word", "segment"})
SPEAKERS = ("known_speaker_names", "known_speaker_references")


@dataclass(frozen=True, slots=True)
class Ask:
    """What a form asks for."""

    options: SessionOptions
    form: str = "json"
    granularities: frozenset[str] = frozenset({"segment"})
    is_streamed: bool = False


def read_form(form: Form, defaults: SessionOptions, *, translate: bool = False) -> Ask:
    """
    Read the text fields of a transcription, or of a translation into English.

    Raises:
        BadMessage: a value is wrong, or asks for what this server cannot do.
    """
    for name in SPEAKERS:
        if _listed(form, name):
            raise BadMessage.expected(name, "none: speakers are not told apart", name)
    number(form, "temperature", 0.0, low=0, high=1)
    ask = Ask(
        options=_options(form, defaults, translate),
        form=_form(form),
        granularities=_granularities(form),
        is_streamed=_is_true(form, "stream"),
    )
    if ask.is_streamed and ask.form not in STREAMED:
        raise BadMessage.expected("response_format", "json with stream", ask.form)
    return ask


def write_body(recording: Recording, ask: Ask) -> Body:
    """Write the whole answer."""
    return _WRITERS[ask.form](recording, ask)


def error_body(error: SpeechError) -> str:
    """Write an error as the official clients read it."""
    is_theirs = 400 <= error.http_status < 500
    codes = {"unauthorized": "invalid_api_key", "unknown_model": "model_not_found"}
    body: JsonObject = {
        "message": str(error),
        "type": "invalid_request_error" if is_theirs else "server_error",
        "param": error.field,
        "code": codes.get(error.code, error.code),
    }
    return json.dumps({"error": body}, ensure_ascii=False)


def models_body(names: list[str]) -> str:
    """Write the list of models."""
    data = [
        {"id": name, "object": "model", "created": 0, "owned_by": "whispercpp-ws"}
        for name in names
    ]
    return json.dumps({"object": "list", "data": data})


class EventStream:
    """The server-sent events of one answer; deltas joined give the whole text."""

    def __init__(self) -> None:
        self._finals: list[Final] = []
        self._sent = ""

    def delta(self, final: Final) -> str:
        """Write what a final adds; an event, or nothing."""
        self._finals.append(final)
        text = joined(self._finals)
        added, self._sent = text[len(self._sent) :], text
        if not added:
            return ""
        return _event({"type": "transcript.text.delta", "delta": added})

    def done(self) -> str:
        """Write the last event."""
        return _event({"type": "transcript.text.done", "text": self._sent})

    def failed(self, error: SpeechError) -> str:
        """Write an error after which nothing follows."""
        return f"data: {error_body(error)}\n\n"


def _options(form: Form, defaults: SessionOptions, translate: bool) -> SessionOptions:
    language = field(form, "language")
    candidates = _listed(form, "languages")
    return replace(
        defaults,
        language=named_language(language) if language else defaults.language,
        candidates=tuple(dict.fromkeys(map(named_language, candidates))),
        prompt=prompt(form),
        translate=translate,
        words=True,
        partials=False,
    )


def _form(form: Form) -> str:
    name = field(form, "response_format", "json")
    if name not in FORMATS:
        # diarized_json among them: speakers are not told apart.
        raise BadMessage.expected("response_format", ", ".join(FORMATS), name)
    return name


def _granularities(form: Form) -> frozenset[str]:
    names = _listed(form, "timestamp_granularities") or ["segment"]
    if not GRANULARITIES.issuperset(names):
        raise BadMessage.expected("timestamp_granularities", "word or segment", names)
    return frozenset(names)


def _listed(form: Form, name: str) -> list[str]:
    """Return a list, however it is written: name[] or name, repeated or by commas."""
    values = [*form.get(f"{name}[]", ()), *form.get(name, ())]
    return [part.strip() for value in values for part in value.split(",") if part]


def _is_true(form: Form, name: str) -> bool:
    return field(form, name).lower() in {"true", "1"}


def _json(recording: Recording, ask: Ask) -> Body:
    return _as_json({"text": recording.text, "usage": _usage(recording)})


def _verbose_json(recording: Recording, ask: Ask) -> Body:
    language = "en" if ask.options.translate else recording.language
    body: JsonObject = {
        "task": "translate" if ask.options.translate else "transcribe",
        "language": language_name(language),
        "duration": round(recording.seconds, 3),
        "text": recording.text,
    }
    if "segment" in ask.granularities:
        body["segments"] = [_segment(n, f) for n, f in enumerate(recording.finals)]
    if "word" in ask.granularities:
        body["words"] = _words(recording)
    return _as_json(body | {"usage": _usage(recording)})


def _text(recording: Recording, ask: Ask) -> Body:
    return Body("text/plain", f"{recording.text}\n")


def _srt(recording: Recording, ask: Ask) -> Body:
    return Body("text/plain", srt(recording.finals, lambda f: one_line(f.text)))


def _vtt(recording: Recording, ask: Ask) -> Body:
    cues = vtt(recording.finals, lambda f: escaped(one_line(f.text)))
    return Body("text/plain", cues)


def _segment(number: int, final: Final) -> JsonObject:
    # Every field is required of the official clients' types. What only whisper's own
    # decoder loop knows is at its neutral value.
    return {
        "id": number,
        "seek": 0,
        "start": round(final.start_s, 3),
        "end": round(final.end_s, 3),
        "text": f" {one_line(final.text)}",
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": round(math.log(max(final.confidence, 1e-6)), 4),
        "compression_ratio": 1.0,
        "no_speech_prob": 0.0,
    }


def _words(recording: Recording) -> list[JsonObject]:
    return [
        {
            "word": word.text.strip('.,!?;:…"()'),
            "start": round(word.start_s, 3),
            "end": round(word.end_s, 3),
        }
        for word in recording.words
    ]


def _usage(recording: Recording) -> JsonObject:
    return {"type": "duration", "seconds": math.ceil(recording.seconds)}


def _as_json(body: JsonObject) -> Body:
    return Body("application/json", json.dumps(body, ensure_ascii=False))


def _event(body: JsonObject) -> str:
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n"


_WRITERS: dict[str, Callable[[Recording, Ask], Body]] = {
    "json": _json,
    "text": _text,
    "srt": _srt,
    "verbose_json": _verbose_json,
    "vtt": _vtt,
}
