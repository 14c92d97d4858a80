"""
Wyoming (Home Assistant's voice protocol), without its framing.

A text is one event's JSON, the bytes of an audio chunk are binary. One connection is
one utterance of the client's making, however many the session finds in it.
"""

import json
from dataclasses import dataclass, field, replace

from whispercpp_ws.errors import BadMessage, SpeechError
from whispercpp_ws.events import (
    AudioFormat,
    End,
    Ended,
    Event,
    Failed,
    Final,
    Mark,
    Marked,
    SessionOptions,
    Start,
)
from whispercpp_ws.protocols.base import Closing, Input
from whispercpp_ws.protocols.fields import Fields
from whispercpp_ws.protocols.json_object import JsonObject, parse_json_object
from whispercpp_ws.protocols.languages import language_code
from whispercpp_ws.protocols.recording import joined
from whispercpp_ws.protocols.whole_frames import WholeFrames


VERSION = "1.10.2"
"""Of the `wyoming` package whose schema this is."""
ATTRIBUTION: JsonObject = {"name": "ggml-org", "url": "https://github.com/ggml-org"}
MAX_NAME_CHARS = 100
MAX_PROMPT_CHARS = 800


@dataclass(frozen=True, slots=True)
class Served:
    """What `describe` is answered with."""

    model: str
    languages: tuple[str, ...]
    version: str


@dataclass(slots=True)
class WyomingDialect:
    """The server's side of one connection."""

    served: Served
    options: SessionOptions = SessionOptions()
    _is_started: bool = field(default=False, init=False)
    _is_ended: bool = field(default=False, init=False)
    _pings: list[str] = field(default_factory=list, init=False)
    _finals: list[Final] = field(default_factory=list, init=False)
    _frames: WholeFrames = field(default_factory=WholeFrames, init=False)

    @property
    def droppable(self) -> tuple[type[Event], ...]:
        """Drop nothing: chunks add up to the transcript."""
        return ()

    def receive_open(self) -> list[Input]:
        """Wait for the client."""
        return []

    def receive_text(self, text: str) -> list[Input]:
        """
        Read an event; unknown ones are dropped, as the protocol asks.

        Raises:
            BadJson, BadMessage: it is no event, or a value is wrong.
        """
        body = parse_json_object(text)
        data = body.get("data", {})
        if not isinstance(data, dict) or not isinstance(body.get("type"), str):
            raise BadMessage.expected("type", "an event with a type", text)
        match body["type"]:
            case "describe":
                return [Mark("info")]
            case "ping":
                self._pings.append(Fields(data).text("text", max_chars=MAX_NAME_CHARS))
                return [Mark("pong")]
            case "transcribe":
                self._transcribe(Fields(data))
            case "audio-start" | "audio-chunk":
                return self._start(Fields(data))
            case "audio-stop":
                return self._end()
        return []

    def receive_binary(self, data: bytes) -> list[Input]:
        """Return the audio of a chunk; what follows the end is passed over."""
        if self._is_ended or not self._is_started:
            return []
        self._frames.note(data)
        return [data]

    def send_event(self, event: Event, *, lag_ms: int | None = None) -> list[str]:
        """Write what an event is; each final is a chunk of the transcript."""
        if isinstance(event, Marked):
            return [self._info() if event.name == "info" else self._pong()]
        if isinstance(event, Final):
            return self._chunk(event)
        if isinstance(event, Ended):
            return self._transcript()
        if isinstance(event, Failed):
            error = event.error
            return [_event("error", {"text": str(error), "code": error.code})]
        return []

    def closing(self, error: SpeechError) -> Closing:
        """Close; there are no codes on a plain connection."""
        return Closing(error.close_code, error.code)

    def _transcribe(self, fields: Fields) -> None:
        language = fields.text("language", max_chars=MAX_NAME_CHARS)
        terms = fields.body.get("transcript_terms") or []
        if not isinstance(terms, list) or not all(isinstance(t, str) for t in terms):
            raise BadMessage.expected("transcript_terms", "a list of strings", terms)
        self.options = replace(
            self.options,
            language=language_code(language) if language else self.options.language,
            prompt=", ".join(terms).replace("\0", "")[:MAX_PROMPT_CHARS],
        )

    def _start(self, fields: Fields) -> list[Input]:
        audio = AudioFormat(
            rate=fields.whole("rate", 16_000, low=8_000, high=192_000),
            channels=fields.whole("channels", 1, low=1, high=8),
        )
        fields.whole("width", 2, low=2, high=2)
        if not self._is_started:
            self._is_started = True
            self.options = replace(self.options, audio=audio, partials=False)
            return [Start(self.options)]
        if audio != self.options.audio:
            raise BadMessage.expected("rate", "one format for all audio", fields.body)
        return []

    def _end(self) -> list[Input]:
        if self._is_ended:
            return []
        start = self._start(Fields({})) if not self._is_started else []
        self._is_ended = True
        return [*start, *self._frames.padding(self.options.audio), End()]

    def _info(self) -> str:
        model: JsonObject = {
            "name": self.served.model,
            "attribution": ATTRIBUTION,
            "installed": True,
            "description": None,
            "version": None,
            "languages": list(self.served.languages),
        }
        program: JsonObject = {
            "name": "whispercpp-ws",
            "attribution": ATTRIBUTION,
            "installed": True,
            "description": "whisper.cpp",
            "version": self.served.version,
            "supports_transcript_streaming": True,
            "requires_external_vad": True,
            "models": [model],
        }
        others: JsonObject = {
            kind: [] for kind in ("tts", "handle", "intent", "wake", "mic", "snd")
        }
        return _event("info", {"asr": [program]} | others)

    def _pong(self) -> str:
        return _event("pong", {"text": self._pings.pop(0)})

    def _chunk(self, final: Final) -> list[str]:
        before = joined(self._finals)
        start = [] if before else [_event("transcript-start", _language(final))]
        self._finals.append(final)
        added = joined(self._finals)[len(before) :]
        chunk = _event("transcript-chunk", {"text": added})
        return [*start, chunk] if added else []

    def _transcript(self) -> list[str]:
        text = joined(self._finals)
        if not text:
            return [_event("transcript", {"text": ""})]
        said = {"text": text} | _language(self._finals[-1])
        return [_event("transcript", said), _event("transcript-stop", {})]


def _language(final: Final) -> JsonObject:
    return {"language": final.language}


def _event(kind: str, data: JsonObject) -> str:
    body = {"type": kind, "version": VERSION, "data": data}
    return json.dumps(body, ensure_ascii=False)
