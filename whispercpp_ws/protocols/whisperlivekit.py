"""
WhisperLiveKit's `/asr`: the server speaks first, and an empty frame is the end.

In its full mode every message has all lines; in its diff mode the first has, and later
ones say what to take from the front and put at the end.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from whispercpp_ws.errors import BadMessage, SpeechError, Unauthorized
from whispercpp_ws.events import (
    AudioFormat,
    End,
    Ended,
    Event,
    Failed,
    Final,
    Mark,
    Marked,
    Partial,
    SessionOptions,
    Start,
)
from whispercpp_ws.protocols.base import Closing, Input
from whispercpp_ws.protocols.json_object import JsonObject
from whispercpp_ws.protocols.languages import language_code
from whispercpp_ws.protocols.wav_header import read_wav_header
from whispercpp_ws.protocols.whole_frames import WholeFrames


MODES = ("full", "diff")
MAX_LINES = 200
"""Lines told, the last ones: each full message repeats them all."""
PCM = AudioFormat()
"""What clients are told to send: s16le, 16 kHz, mono."""


@dataclass(slots=True)
class WhisperLiveKitDialect:
    """The server's side of one connection."""

    options: SessionOptions = SessionOptions()
    mode: str = "full"
    _is_started: bool = field(default=False, init=False)
    _is_ended: bool = field(default=False, init=False)
    _lines: list[JsonObject] = field(default_factory=list, init=False)
    _partial: Partial | None = field(default=None, init=False)
    _told: int = field(default=0, init=False)
    """Lines that a diff has told."""
    _pruned: int = field(default=0, init=False)
    """Lines taken from the front since the last diff."""
    _sequence: int = field(default=0, init=False)
    _frames: WholeFrames = field(default_factory=WholeFrames, init=False)

    @property
    def droppable(self) -> tuple[type[Event], ...]:
        """Name partials, where a later message has all that they have."""
        return (Partial,) if self.mode == "full" else ()

    def receive_open(self) -> list[Input]:
        """Say how audio is to be sent, and take it."""
        self._is_started = True
        return [Mark("config"), Start(replace(self.options, audio=PCM, words=False))]

    def receive_text(self, text: str) -> list[Input]:
        """Refuse it; raises BadMessage, for clients send audio only."""
        raise BadMessage.expected("message", "binary audio", text)

    def receive_binary(self, data: bytes) -> list[Input]:
        """Return the audio; nothing in a frame is the end of it."""
        if self._is_ended:
            return []
        if not data:
            self._is_ended = True
            return [*self._frames.padding(PCM), End()]
        header = read_wav_header(data)
        if header is not None and header.audio != PCM:
            raise BadMessage.expected("audio", "s16le, 16 kHz, mono", "another format")
        audio = data[header.length :] if header else data
        self._frames.note(audio)
        return [audio]

    def send_event(self, event: Event, *, lag_ms: int | None = None) -> list[str]:
        """Write the whole state after each change of it."""
        if isinstance(event, Marked):
            config: JsonObject = {"type": "config", "useAudioWorklet": True}
            return [_frame(config | {"mode": self.mode})]
        if isinstance(event, Partial):
            self._partial = event
            return [self._update()]
        if isinstance(event, Final):
            self._take_final(event)
            return [self._update()]
        if isinstance(event, Ended):
            self._partial = None
            return [self._update(), _frame({"type": "ready_to_stop"})]
        if isinstance(event, Failed):
            return [_frame({"type": "error", "error": str(event.error)})]
        return []

    def closing(self, error: SpeechError) -> Closing:
        """Close with the codes of the reference, where it has one."""
        code = 4401 if isinstance(error, Unauthorized) else error.close_code
        return Closing(code, error.code)

    def _take_final(self, final: Final) -> None:
        if self._partial is not None and self._partial.utterance <= final.utterance:
            self._partial = None
        if final.text:
            self._lines.append(_line(final))
        if len(self._lines) > MAX_LINES:
            del self._lines[0]
            self._pruned += 1

    def _update(self) -> str:
        state: JsonObject = {
            "buffer_transcription": self._partial.text if self._partial else "",
            "buffer_diarization": "",
            "buffer_translation": "",
            "remaining_time_transcription": 0.0,
            "remaining_time_diarization": 0.0,
        }
        is_silent = not self._lines and self._partial is None
        status = "no_audio_detected" if is_silent else "active_transcription"
        if self.mode == "full":
            return _frame({"status": status, "lines": self._lines} | state)
        return _frame(self._diff() | {"status": status} | state)

    def _diff(self) -> JsonObject:
        self._sequence += 1
        new = self._lines[max(0, self._told - self._pruned) :]
        pruned, self._pruned = self._pruned, 0
        self._told = len(self._lines)
        if self._sequence == 1:
            return {"type": "snapshot", "seq": 1, "lines": new}
        body: JsonObject = {"type": "diff", "seq": self._sequence}
        body["n_lines"] = len(self._lines)
        if pruned:
            body["lines_pruned"] = pruned
        return body | {"new_lines": new} if new else body


def open_dialect(
    query: Mapping[str, str], defaults: SessionOptions
) -> WhisperLiveKitDialect:
    """Read the query of an upgrade request; raises BadMessage."""
    mode = query.get("mode", "full")
    if mode not in MODES:
        raise BadMessage.expected("mode", " or ".join(MODES), mode)
    if query.get("target_language"):
        raise BadMessage.expected("target_language", "none", query["target_language"])
    language = query.get("language", "")
    code = language_code(language) if language else defaults.language
    return WhisperLiveKitDialect(replace(defaults, language=code), mode)


def _line(final: Final) -> JsonObject:
    return {
        "speaker": 1,
        "text": final.text,
        "start": _clock(final.start_s),
        "end": _clock(final.end_s),
        "detected_language": final.language,
    }


def _clock(seconds: float) -> str:
    minutes, whole = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{whole:02}"


def _frame(body: JsonObject) -> str:
    return json.dumps(body, ensure_ascii=False)
