"""
AssemblyAI's streaming interface, version 3, on `/v3/ws`: the query opens the session.

A turn is an utterance. It is told again while it grows, and its end is told as bare
words and, where the client asked for it, once more as it is written. Times are whole
milliseconds: the Python client stops reading at a fraction.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from whispercpp_ws.errors import (
    AudioTooFast,
    BadMessage,
    Overloaded,
    PeerError,
    QuotaReached,
    SessionIdle,
    SessionTooLong,
    SpeechError,
    Unauthorized,
)
from whispercpp_ws.events import (
    AudioFormat,
    Encoding,
    End,
    Ended,
    Event,
    Failed,
    Final,
    Flush,
    Mark,
    Marked,
    Partial,
    Reconfigure,
    SessionOptions,
    SpeechStarted,
    Start,
)
from whispercpp_ws.protocols.base import Closing, Input
from whispercpp_ws.protocols.fields import Fields
from whispercpp_ws.protocols.json_object import JsonObject, parse_json_object
from whispercpp_ws.protocols.languages import language_code
from whispercpp_ws.protocols.query import (
    Query,
    flag,
    last,
    refuse,
    whole,
    whole_of,
)
from whispercpp_ws.protocols.whole_frames import WholeFrames
from whispercpp_ws.protocols.word_forms import bare, spread
from whispercpp_ws.transcript import Word


ENCODINGS = {"pcm_s16le": Encoding.PCM16LE, "pcm_mulaw": Encoding.MULAW}
REFUSED = ("speaker_labels", "redact_pii", "webhook_url", "llm_gateway")
"""What would be missed in the results."""
MIN_RATE, MAX_RATE = 8_000, 192_000
MIN_ENDPOINT_MS, MAX_ENDPOINT_MS = 200, 5_000
MAX_SILENCE_MS = 60_000
MAX_PROMPT_CHARS = 800
SERVER_ERROR = 3005
_CODES: tuple[tuple[type[SpeechError], int], ...] = (
    (Unauthorized, 4001),
    (SessionIdle, 4031),
    (SessionTooLong, 3008),
    (AudioTooFast, 4029),
    (QuotaReached, 3009),
    (Overloaded, 3009),
    (PeerError, 3006),
)
"""Its names for errors, which are close codes too; the first that fits."""


@dataclass(slots=True)
class AssemblyAIDialect:
    """The server's side of one connection."""

    options: SessionOptions = SessionOptions()
    format_turns: bool = False
    session_id: str = ""
    expires_at: int = 0
    """Unix time when the connection is closed."""
    elapsed_s: Callable[[], float] = float
    """Tells how long the connection has been open."""
    _open: int = field(default=0, init=False)
    """The utterance that a partial was told of, until its end is."""
    _is_ended: bool = field(default=False, init=False)
    _frames: WholeFrames = field(default_factory=WholeFrames, init=False)

    @property
    def droppable(self) -> tuple[type[Event], ...]:
        """Name partials: a later turn says the same and more."""
        return (Partial,)

    def receive_open(self) -> list[Input]:
        """Greet, and take audio."""
        return [Mark("begin"), Start(self.options)]

    def receive_text(self, text: str) -> list[Input]:
        """
        Read a control message.

        Raises:
            BadJson, BadMessage: it is none of AssemblyAI's, or a value is wrong.
        """
        body = parse_json_object(text)
        kind = body.get("type")
        if self._is_ended or kind == "KeepAlive":
            return []
        if kind == "ForceEndpoint":
            return [Flush()]
        if kind == "UpdateConfiguration":
            return self._update(body)
        if kind == "Terminate":
            self._is_ended = True
            return [*self._frames.padding(self.options.audio), End()]
        expected = "Terminate, ForceEndpoint, UpdateConfiguration or KeepAlive"
        raise BadMessage.expected("type", expected, kind)

    def receive_binary(self, data: bytes) -> list[Input]:
        """Return the audio; what follows the end is passed over."""
        if self._is_ended:
            return []
        self._frames.note(data)
        return [data]

    def send_event(self, event: Event, *, lag_ms: int | None = None) -> list[str]:
        """Write what an event is."""
        write = _WRITERS.get(type(event))
        bodies = write(self, event) if write else []
        return [json.dumps(body, ensure_ascii=False) for body in bodies]

    def closing(self, error: SpeechError) -> Closing:
        """Close with the code that the error has there."""
        return Closing(_code(error), error.code)

    # What comes in

    def _update(self, body: JsonObject) -> list[Input]:
        fields = Fields(body)
        self.format_turns = fields.flag("format_turns", self.format_turns)
        prompt = _prompt(fields.body.get("prompt"), fields.body.get("keyterms_prompt"))
        silence_ms = fields.whole("max_turn_silence", 0, low=0, high=MAX_SILENCE_MS)
        return [
            Reconfigure(
                prompt=prompt or None,
                endpoint_ms=_endpoint_ms(silence_ms) if silence_ms else None,
            )
        ]

    # What goes out

    def _begin(self, event: Event) -> list[JsonObject]:
        assert isinstance(event, Marked)
        return [{"type": "Begin", "id": self.session_id, "expires_at": self.expires_at}]

    def _speech_started(self, event: Event) -> list[JsonObject]:
        assert isinstance(event, SpeechStarted)
        return [{"type": "SpeechStarted", "timestamp": _ms(event.start_s)}]

    def _partial(self, event: Event) -> list[JsonObject]:
        assert isinstance(event, Partial)
        self._open = event.utterance
        settled = len(event.stable.split())
        words = spread(event.text, event.start_s, event.end_s)
        body = _turn(event, _bare(event.stable), is_end=False)
        return [body | {"words": _plain(words, settled)}]

    def _final(self, event: Event) -> list[JsonObject]:
        assert isinstance(event, Final)
        is_told, self._open = self._open == event.utterance, 0
        if not event.text and not is_told:
            return []
        words = event.words or ()
        plain = _turn(event, _bare(event.text), is_end=True)
        told = [plain | {"words": _plain(words, len(words))}]
        if self.format_turns:
            written = {"turn_is_formatted": True, "transcript": event.text}
            as_said = [_word(word, word.text, is_final=True) for word in words]
            told.append(plain | written | {"words": as_said})
        return told

    def _ended(self, event: Event) -> list[JsonObject]:
        assert isinstance(event, Ended)
        durations: JsonObject = {
            "audio_duration_seconds": round(event.offset_s),
            "session_duration_seconds": round(self.elapsed_s()),
        }
        return [{"type": "Termination", **durations}]

    def _failed(self, event: Event) -> list[JsonObject]:
        assert isinstance(event, Failed)
        code = _code(event.error)
        return [{"type": "Error", "error_code": code, "error": str(event.error)}]


def open_dialect(query: Query, defaults: SessionOptions) -> AssemblyAIDialect:
    """
    Read the query of an upgrade request; unknown parameters are passed over.

    Raises:
        BadMessage: a value is wrong, or asks for what this server cannot do.
    """
    refuse(query, REFUSED)
    encoding = last(query, "encoding", "pcm_s16le")
    if encoding not in ENCODINGS:
        raise BadMessage.expected(
            "encoding", f"one of {', '.join(ENCODINGS)}", encoding
        )
    rate = whole(query, "sample_rate", 16_000, low=MIN_RATE, high=MAX_RATE)
    terms = _listed("keyterms_prompt", last(query, "keyterms_prompt", "[]"))
    options = replace(
        _spoken(query, defaults),
        audio=AudioFormat(ENCODINGS[encoding], rate),
        prompt=_prompt(last(query, "prompt"), terms) or defaults.prompt,
        partials=last(query, "include_partial_turns", "true").lower() != "false",
    )
    if silence := last(query, "max_turn_silence"):
        wanted = whole_of("max_turn_silence", silence, low=0, high=MAX_SILENCE_MS)
        options = replace(options, endpoint_ms=_endpoint_ms(wanted))
    return AssemblyAIDialect(options, flag(query, "format_turns"))


def _spoken(query: Query, defaults: SessionOptions) -> SessionOptions:
    """Return the options with the languages of a query; several are chosen from."""
    given = _listed("language_codes", last(query, "language_codes", "[]"))
    codes = tuple(language_code(code) for code in given)
    if single := last(query, "language_code"):
        codes = (language_code(single),)
    if len(codes) > 1:
        return replace(defaults, language="auto", candidates=codes)
    return replace(defaults, language=codes[0]) if codes else defaults


def _listed(name: str, text: str) -> list[str]:
    """Read a list that stands in one parameter as JSON."""
    values = parse_json_object(f'{{"listed": {text}}}').get("listed")
    return _texts(name, values)


def _texts(name: str, values: object) -> list[str]:
    if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
        raise BadMessage.expected(name, "a list of strings", values)
    return values


def _prompt(prompt: object, terms: object) -> str:
    listed = ", ".join(_texts("keyterms_prompt", terms or []))
    given = [*_texts("prompt", [prompt or ""]), listed]
    return " ".join(filter(None, given)).replace("\0", "")[-MAX_PROMPT_CHARS:]


def _endpoint_ms(silence_ms: int) -> int:
    return min(max(silence_ms, MIN_ENDPOINT_MS), MAX_ENDPOINT_MS)


def _turn(event: Partial | Final, transcript: str, *, is_end: bool) -> JsonObject:
    return {
        "type": "Turn",
        # Some utterances turn out to have no words, and are a gap.
        "turn_order": event.utterance - 1,
        "turn_is_formatted": False,
        "end_of_turn": is_end,
        "transcript": transcript,
        # Nothing here guesses: the silence has lasted, or it has not.
        "end_of_turn_confidence": float(is_end),
    }


def _bare(text: str) -> str:
    return " ".join(word for part in text.split() if (word := bare(part)))


def _plain(words: Sequence[Word], settled: int) -> list[JsonObject]:
    """Write words that have letters, those after the settled ones as open."""
    return [
        _word(word, text, is_final=place < settled)
        for place, word in enumerate(words)
        if (text := bare(word.text))
    ]


def _word(word: Word, text: str, *, is_final: bool) -> JsonObject:
    return {
        "text": text,
        "start": _ms(word.start_s),
        "end": _ms(word.end_s),
        "confidence": round(word.confidence, 3),
        "word_is_final": is_final,
    }


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _code(error: SpeechError) -> int:
    return next(
        (code for kind, code in _CODES if isinstance(error, kind)), SERVER_ERROR
    )


_WRITERS: dict[type[Event], Callable[[AssemblyAIDialect, Event], list[JsonObject]]] = {
    Marked: AssemblyAIDialect._begin,
    SpeechStarted: AssemblyAIDialect._speech_started,
    Partial: AssemblyAIDialect._partial,
    Final: AssemblyAIDialect._final,
    Ended: AssemblyAIDialect._ended,
    Failed: AssemblyAIDialect._failed,
}
