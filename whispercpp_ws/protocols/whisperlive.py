"""
WhisperLive (collabora/WhisperLive), on a port of its own.

The first frame is a JSON object of options, what follows is audio until the frame
`END_OF_AUDIO`. Every message repeats the last completed segments and, after them, the
one that is still open.
"""

import json
from collections import deque
from dataclasses import dataclass, field, replace

from whispercpp_ws.errors import BadMessage, SessionTooLong, SpeechError
from whispercpp_ws.events import (
    AudioFormat,
    Encoding,
    End,
    Event,
    Failed,
    Final,
    Mark,
    Marked,
    Partial,
    Ready,
    SessionOptions,
    Start,
)
from whispercpp_ws.protocols.base import Closing, Input
from whispercpp_ws.protocols.fields import Fields
from whispercpp_ws.protocols.json_object import JsonObject, parse_json_object
from whispercpp_ws.protocols.languages import AUTO, named_language
from whispercpp_ws.protocols.whole_frames import WholeFrames
from whispercpp_ws.transcript import Word


END_OF_AUDIO = b"END_OF_AUDIO"
BACKEND = "faster_whisper"
"""The only backend whose completed segments the Python client keeps for its SRT."""
SEGMENTS = 10
"""Completed segments in a message, for a client that does not say how many."""
MAX_SEGMENTS = 100
MAX_UID_CHARS = 200
MAX_NAME_CHARS = 100
MAX_PROMPT_CHARS = 800
MAX_OPTIONS_CHARS = 1 << 20
"""`known_speakers` holds recordings, which are not used, but have to be read."""
NORMAL_CLOSURE = 1000

_ENCODINGS = {
    "float32": Encoding.F32LE,
    "int16": Encoding.PCM16LE,
    # Widened in `_widened`.
    "uint8": Encoding.PCM16LE,
}
_MISSING = {
    "enable_diarization": "speakers are not told apart",
    "enable_translation": "target_language: text is translated to English only, by "
    '"task": "translate"',
}
"""Flags whose effect would be missed, and what the client is told."""
_SIGN_FLIPPED = bytes(value ^ 0x80 for value in range(256))


@dataclass(slots=True)
class WhisperLiveDialect:
    """The server's side of one connection."""

    defaults: SessionOptions = SessionOptions()
    _uid: str = field(default="", init=False)
    _options: SessionOptions | None = field(default=None, init=False)
    """None until the first frame has come."""
    _is_uint8: bool = field(default=False, init=False)
    _is_ended: bool = field(default=False, init=False)
    _frames: WholeFrames = field(default_factory=WholeFrames, init=False)
    _missing: list[str] = field(default_factory=list, init=False)
    _wants_language: bool = field(default=False, init=False)
    _completed: deque[JsonObject] = field(default_factory=deque, init=False)
    _open_text: str = field(default="", init=False)
    """What the open segment was last told to be."""
    _last_end_s: float = field(default=0.0, init=False)

    @property
    def droppable(self) -> tuple[type[Event], ...]:
        """Name partials: a later message has all that they have."""
        return (Partial,)

    def receive_open(self) -> list[Input]:
        """Wait for the options."""
        return []

    def receive_text(self, text: str) -> list[Input]:
        """
        Read the options, which come once.

        Raises:
            BadJson, BadMessage: they are none, or a value has a wrong type.
        """
        if self._options is not None:
            raise BadMessage.expected("message", "binary audio", text)
        fields = Fields(parse_json_object(text, max_chars=MAX_OPTIONS_CHARS))
        self._uid = _uid(fields)
        self._missing = [why for name, why in _MISSING.items() if fields.body.get(name)]
        self._options = options = self._read(fields)
        return [Mark("missing"), Start(options)]

    def receive_binary(self, data: bytes) -> list[Input]:
        """
        Return the audio, or the end.

        Raises:
            BadMessage: audio comes before the options.
        """
        if self._options is None:
            raise BadMessage.expected("message", "a JSON object first", "audio")
        if self._is_ended:
            return []
        if data == END_OF_AUDIO:
            self._is_ended = True
            return [*self._frames.padding(self._options.audio), End()]
        audio = _widened(data) if self._is_uint8 else data
        self._frames.note(audio)
        return [audio]

    def send_event(self, event: Event, *, lag_ms: int | None = None) -> list[str]:
        """Write all segments after each change of them."""
        if isinstance(event, Marked):
            return [self._status("WARNING", why) for why in self._missing]
        if isinstance(event, Ready):
            return self._ready(event)
        if isinstance(event, Partial) and event.text:
            return [self._told(self._segment(event, is_completed=False))]
        if isinstance(event, Final):
            return self._complete(event)
        if isinstance(event, Failed):
            return [self._failed(event.error)]
        return []

    def closing(self, error: SpeechError) -> Closing:
        """Close; a client that is disconnected for its time looks for 1000."""
        if isinstance(error, SessionTooLong):
            return Closing(NORMAL_CLOSURE, error.code)
        return Closing(error.close_code, error.code)

    # What comes in

    def _read(self, fields: Fields) -> SessionOptions:
        encoding = fields.text("audio_format", "float32", max_chars=MAX_NAME_CHARS)
        if encoding not in _ENCODINGS:
            names = ", ".join(_ENCODINGS)
            raise BadMessage.expected("audio_format", f"one of {names}", encoding)
        self._is_uint8 = encoding == "uint8"
        language = fields.text("language", max_chars=MAX_NAME_CHARS)
        self._wants_language = not language
        shown = fields.whole("send_last_n_segments", SEGMENTS, low=0, high=10**9)
        self._completed = deque(maxlen=min(max(shown, 1), MAX_SEGMENTS))
        return replace(
            self.defaults,
            audio=AudioFormat(_ENCODINGS[encoding]),
            language=named_language(language) if language else self.defaults.language,
            translate=_task(fields) == "translate",
            words=fields.flag("word_timestamps", False),
            prompt=_prompt(fields) or self.defaults.prompt,
        )

    # What goes out

    def _ready(self, ready: Ready) -> list[str]:
        frames = [self._frame({"message": "SERVER_READY", "backend": BACKEND})]
        if self._wants_language and ready.language != AUTO:
            frames.append(self._language(ready.language, 1.0))
        return frames

    def _language(self, code: str, probability: float) -> str:
        self._wants_language = False
        return self._frame({"language": code, "language_prob": round(probability, 3)})

    def _complete(self, final: Final) -> list[str]:
        self._open_text, open_text = "", self._open_text
        if not final.text:
            # Takes an open segment back that was no speech.
            return [self._told()] if open_text else []
        frames = []
        if self._wants_language:
            frames.append(self._language(final.language, final.confidence))
        if open_text != final.text:
            # The Python client puts the last open segment at the end of its SRT,
            # unless the last completed one has the same text.
            frames.append(self._told(self._segment(final, is_completed=False)))
        segment = self._segment(final, is_completed=True)
        self._last_end_s = max(self._last_end_s, final.end_s)
        self._completed.append(segment)
        self._open_text = ""
        return [*frames, self._told()]

    def _segment(self, text: Partial | Final, *, is_completed: bool) -> JsonObject:
        self._open_text = text.text
        # The client leaves out what starts before the end of the one before.
        start_s = max(text.start_s, self._last_end_s)
        segment: JsonObject = {
            "start": f"{start_s:.3f}",
            "end": f"{max(text.end_s, start_s):.3f}",
            "text": f" {text.text}",
            "completed": is_completed,
        }
        if isinstance(text, Final) and text.words is not None:
            segment["words"] = [_word(word) for word in text.words]
        return segment

    def _told(self, open_segment: JsonObject | None = None) -> str:
        still_open = [open_segment] if open_segment else []
        return self._frame({"segments": [*self._completed, *still_open]})

    def _failed(self, error: SpeechError) -> str:
        if isinstance(error, SessionTooLong):
            return self._frame({"message": "DISCONNECT"})
        # After an ERROR the client does not connect again.
        status = "WARNING" if error.retryable else "ERROR"
        return self._status(status, str(error))

    def _status(self, status: str, message: str) -> str:
        return self._frame({"status": status, "message": message})

    def _frame(self, body: JsonObject) -> str:
        return json.dumps({"uid": self._uid} | body, ensure_ascii=False)


def refusal(options: str, wait_s: float) -> str:
    """
    Write what a client is told that has to wait; its first frame names it.

    Raises:
        BadJson, BadMessage: that is no object of options.
    """
    uid = _uid(Fields(parse_json_object(options, max_chars=MAX_OPTIONS_CHARS)))
    return json.dumps({"uid": uid, "status": "WAIT", "message": wait_s / 60})


def _uid(fields: Fields) -> str:
    # A client discards what does not carry its own.
    uid = fields.text("uid", max_chars=MAX_UID_CHARS)
    if not uid:
        raise BadMessage.expected("uid", "a name", fields.body.get("uid"))
    return uid


def _task(fields: Fields) -> str:
    task = fields.text("task", "transcribe", max_chars=MAX_NAME_CHARS)
    if task not in {"transcribe", "translate"}:
        raise BadMessage.expected("task", "transcribe or translate", task)
    return task


def _prompt(fields: Fields) -> str:
    names = ("initial_prompt", "hotwords")
    given = [fields.text(name, max_chars=MAX_OPTIONS_CHARS) for name in names]
    return " ".join(filter(None, given))[-MAX_PROMPT_CHARS:]


def _word(word: Word) -> JsonObject:
    return {
        "word": f" {word.text}",
        "start": round(word.start_s, 3),
        "end": round(word.end_s, 3),
        "probability": round(word.confidence, 3),
    }


def _widened(data: bytes) -> bytes:
    """Make PCM16LE of unsigned bytes: the high byte is theirs less 128."""
    wide = bytearray(2 * len(data))
    wide[1::2] = data.translate(_SIGN_FLIPPED)
    return bytes(wide)
