"""
Deepgram's live interface, on `/v1/listen`: the query opens the session.

Times are seconds from the start of the stream. An interim result covers a range that
the next message with the same start replaces; a final range never changes.
"""

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from whispercpp_ws.errors import BadMessage, SessionIdle, SpeechError
from whispercpp_ws.events import (
    End,
    Ended,
    Event,
    Failed,
    Final,
    Flush,
    Mark,
    Marked,
    Partial,
    Ready,
    SpeechStarted,
    Start,
)
from whispercpp_ws.protocols.base import Closing, Input
from whispercpp_ws.protocols.deepgram_query import Listen
from whispercpp_ws.protocols.json_object import JsonObject, parse_json_object
from whispercpp_ws.protocols.settling import Settling
from whispercpp_ws.protocols.wav_header import read_wav_header
from whispercpp_ws.protocols.whole_frames import WholeFrames
from whispercpp_ws.protocols.word_forms import bare, spread
from whispercpp_ws.transcript import Word


IDLE_CLOSE = Closing(
    1011,
    "NET-0001: Deepgram did not receive audio data or a text message within the "
    "timeout window.",
)
"""The reason is Deepgram's: pipecat looks for the code in it. A close frame has room
for 123 bytes."""
_FINALIZE = "finalize"


@dataclass(slots=True)
class DeepgramDialect:
    """The server's side of one connection."""

    listen: Listen
    request_id: str = ""
    created: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    _model: str = field(default="", init=False)
    _is_ended: bool = field(default=False, init=False)
    _is_started: bool = field(default=False, init=False)
    _start_s: float = field(default=0.0, init=False)
    """Where the next result begins: after the last final one."""
    _frames: WholeFrames = field(default_factory=WholeFrames, init=False)
    _owed: deque[float] = field(default_factory=deque, init=False)
    """Where the audio ended that each unanswered Finalize is about."""
    _settling: Settling = field(default_factory=Settling, init=False)

    @property
    def droppable(self) -> tuple[type[Event], ...]:
        """Name interim results: a later one says the same and more."""
        return (Partial,)

    def receive_open(self) -> list[Input]:
        """Start at once where the query says what the audio is; else a WAV tells."""
        return self._start() if self.listen.has_format else []

    def receive_text(self, text: str) -> list[Input]:
        """
        Read a control message.

        Raises:
            BadJson, BadMessage: it is none of Deepgram's.
        """
        kind = parse_json_object(text).get("type")
        if self._is_ended or kind == "KeepAlive":
            return []
        if kind == "Finalize":
            return [*self._start(), Flush(), Mark(_FINALIZE)]
        if kind == "CloseStream":
            return self._end()
        if kind == "Configure":
            return [Mark("configure")]
        expected = "KeepAlive, Finalize, CloseStream or Configure"
        raise BadMessage.expected("type", expected, kind)

    def receive_binary(self, data: bytes) -> list[Input]:
        """Return the audio; an empty frame ends it, as older clients do."""
        if self._is_ended:
            return []
        if not data:
            return self._end()
        if self._is_started:
            self._frames.note(data)
            return [data]
        header = read_wav_header(data)
        if header is None or header.audio is None:
            raise BadMessage.expected(
                "encoding", "encoding and sample_rate, or a WAV file", "neither"
            )
        self.listen = self.listen.heard_as(header.audio)
        self._frames.note(data[header.length :])
        return [*self._start(), data[header.length :]]

    def send_event(self, event: Event, *, lag_ms: int | None = None) -> list[str]:
        """Write what an event is, and the answers that have become due."""
        self._settling.note(event)
        write = _WRITERS.get(type(event))
        bodies = write(self, event) if write else []
        bodies += self._finalized()
        return [json.dumps(body, ensure_ascii=False) for body in bodies]

    def closing(self, error: SpeechError) -> Closing:
        """Close as Deepgram does: NET-0001 for silence, DATA-0000 for the peer."""
        if isinstance(error, SessionIdle):
            return IDLE_CLOSE
        if error.http_status < 500:
            return Closing(1008, f"DATA-0000: {error.code}")
        return Closing(1011, f"NET-0000: {error.code}")

    # What comes in

    def _start(self) -> list[Input]:
        if self._is_started:
            return []
        self._is_started = True
        return [Start(self.listen.options)]

    def _end(self) -> list[Input]:
        self._is_ended = True
        padding = self._frames.padding(self.listen.options.audio)
        return [*self._start(), *padding, End()]

    # What goes out

    def _ready(self, event: Event) -> list[JsonObject]:
        assert isinstance(event, Ready)
        self._model = event.model
        return []

    def _speech_started(self, event: Event) -> list[JsonObject]:
        assert isinstance(event, SpeechStarted)
        if not self.listen.vad_events:
            return []
        start_s = round(event.start_s, 3)
        return [{"type": "SpeechStarted", "channel": [0, 1], "timestamp": start_s}]

    def _partial(self, event: Event) -> list[JsonObject]:
        assert isinstance(event, Partial)
        words = spread(event.text, event.start_s, event.end_s)
        return [self._results(event.text, words, 0.0, event.end_s)]

    def _final(self, event: Event) -> list[JsonObject]:
        assert isinstance(event, Final)
        words = event.words or ()
        result = self._results(event.text, words, event.confidence, event.end_s)
        result |= {"is_final": True, "speech_final": True}
        self._start_s = max(self._start_s, event.end_s)
        if not self.listen.utterance_end or not words:
            return [result]
        # Only one of the two may tell an end; a client asked for this one.
        result["speech_final"] = False
        last_s = round(words[-1].end_s, 3)
        end: JsonObject = {"type": "UtteranceEnd", "channel": [0, 1]}
        return [result, end | {"last_word_end": last_s}]

    def _marked(self, event: Event) -> list[JsonObject]:
        assert isinstance(event, Marked)
        if event.name == _FINALIZE:
            self._owed.append(self._settling.point_s)
            return []
        body: JsonObject = {"type": "ConfigureFailure", "request_id": self.request_id}
        return [body | {"code": "UNSUPPORTED", "description": "start a new stream"}]

    def _finalized(self) -> list[JsonObject]:
        """Answer each Finalize whose audio has its finals, with an empty result."""
        answers: list[JsonObject] = []
        while self._owed and self._settling.is_settled(self._owed[0]):
            self._owed.popleft()
            result = self._results("", (), 0.0, self._start_s)
            answers.append(result | {"is_final": True, "from_finalize": True})
        return answers

    def _ended(self, event: Event) -> list[JsonObject]:
        assert isinstance(event, Ended)
        self._settling.point_s = 0.0
        self._owed = deque(0.0 for _ in self._owed)
        return [
            *self._finalized(),
            {
                "type": "Metadata",
                "transaction_key": "deprecated",
                "request_id": self.request_id,
                "sha256": "",
                "created": self.created.isoformat(timespec="milliseconds")[:23] + "Z",
                "duration": round(event.offset_s, 3),
                "channels": 1,
            },
        ]

    def _failed(self, event: Event) -> list[JsonObject]:
        assert isinstance(event, Failed)
        if isinstance(event.error, SessionIdle):
            return []
        body: JsonObject = {"type": "Error", "variant": "SchemaError"}
        code = event.error.code
        return [body | {"code": code, "description": str(event.error), "message": code}]

    def _results(
        self, text: str, words: tuple[Word, ...], confidence: float, end_s: float
    ) -> JsonObject:
        # Every field: livekit's plugin indexes them.
        start_s = self._start_s
        return {
            "type": "Results",
            "channel_index": [0, 1],
            "duration": round(max(0.0, end_s - start_s), 3),
            "start": round(start_s, 3),
            "is_final": False,
            "speech_final": False,
            "from_finalize": False,
            "channel": {
                "alternatives": [
                    {
                        "transcript": text,
                        "confidence": round(confidence, 3),
                        "words": [word_body(word) for word in words],
                    }
                ]
            },
            "metadata": {
                "request_id": self.request_id,
                "model_info": {"name": self._model, "version": "1", "arch": "whisper"},
                "model_uuid": self.request_id,
            },
        }


def word_body(word: Word) -> JsonObject:
    """Return a word as results have it: bare, and as it is written."""
    return {
        "word": bare(word.text),
        "start": round(word.start_s, 3),
        "end": round(word.end_s, 3),
        "confidence": round(word.confidence, 3),
        "punctuated_word": word.text,
    }


_WRITERS: dict[type[Event], Callable[[DeepgramDialect, Event], list[JsonObject]]] = {
    Ready: DeepgramDialect._ready,
    SpeechStarted: DeepgramDialect._speech_started,
    Partial: DeepgramDialect._partial,
    Final: DeepgramDialect._final,
    Marked: DeepgramDialect._marked,
    Ended: DeepgramDialect._ended,
    Failed: DeepgramDialect._failed,
}
