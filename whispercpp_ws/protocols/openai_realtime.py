"""
OpenAI's realtime transcription, on `/v1/realtime`, in its present shape and the beta's.

Clients take an `error` for the end, so none is sent for what does no harm. Every item
that is committed is completed, with an empty transcript if nothing was said in it.
"""

import base64
import binascii
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from whispercpp_ws.errors import BadMessage, PeerError, SpeechError
from whispercpp_ws.events import (
    Ended,
    Event,
    Failed,
    Final,
    Flush,
    Hold,
    Mark,
    Marked,
    Reconfigure,
    SessionOptions,
    SpeechEnded,
    SpeechStarted,
    Start,
)
from whispercpp_ws.protocols.base import Closing, Input
from whispercpp_ws.protocols.json_object import JsonObject, parse_json_object
from whispercpp_ws.protocols.openai_realtime_bodies import (
    committed_bodies,
    empty_body,
    error_body,
    transcript_bodies,
)
from whispercpp_ws.protocols.openai_realtime_session import (
    FRESH,
    RealtimeSession,
    beta_session_body,
    patched,
    patched_by_beta,
    session_body,
)
from whispercpp_ws.protocols.settling import Settling


MAX_MESSAGE_CHARS = 21 << 20
"""Of an `append`: 15 MiB of audio, as OpenAI allows, in base64."""
MIN_COMMIT_S = 0.1


@dataclass(slots=True)
class _Turn:
    """Audio that was committed or cleared, until its finals are there."""

    item_id: str | None
    """None where it was cleared."""
    last_utterance: int
    until_s: float
    finals: list[Final] = field(default_factory=list)


@dataclass(slots=True)
class RealtimeDialect:
    """The server's side of one connection."""

    defaults: SessionOptions = SessionOptions()
    session_id: str = "sess"
    expires_at: int = 0
    """Unix time when the connection is closed."""
    is_beta: bool = False
    _session: RealtimeSession = field(default=FRESH, init=False)
    _is_started: bool = field(default=False, init=False)
    _audio_s: float = field(default=0.0, init=False)
    """Seconds appended and not yet committed by the client."""
    _replies: deque[list[JsonObject]] = field(default_factory=deque, init=False)
    """What each outstanding mark asks to be sent."""
    _events: int = field(default=0, init=False)
    _items: int = field(default=0, init=False)
    _items_before: int = field(default=0, init=False)
    """Items before the flush of a commit."""
    _last_item: str | None = field(default=None, init=False)
    _started: int = field(default=0, init=False)
    """Utterances begun; a final's number counts the same."""
    _ended: int = field(default=0, init=False)
    _committed: int = field(default=0, init=False)
    """The last utterance that a turn has taken."""
    _turns: deque[_Turn] = field(default_factory=deque, init=False)
    _unclaimed: list[Final] = field(default_factory=list, init=False)
    _settling: Settling = field(default_factory=Settling, init=False)

    @property
    def droppable(self) -> tuple[type[Event], ...]:
        """Drop nothing: deltas are never said again."""
        return ()

    def receive_open(self) -> list[Input]:
        """Say what the session is, before anything else."""
        return self._told("created")

    def receive_text(self, text: str) -> list[Input]:
        """Read an event; what is wrong with it is told, and the connection goes on."""
        name: object = None
        try:
            body = parse_json_object(text, max_chars=MAX_MESSAGE_CHARS)
            name = body.get("event_id")
            receive = _RECEIVERS.get(str(body.get("type")))
            if receive is None:
                raise BadMessage.expected(
                    "type", f"one of {', '.join(_RECEIVERS)}", body.get("type")
                )
            return receive(self, body)
        except PeerError as error:
            code, message = error.code, str(error)
            return self._reply(
                error_body(code, message, param=error.field, event_id=name)
            )

    def receive_binary(self, data: bytes) -> list[Input]:
        """Refuse it; raises BadMessage, for audio comes in base64."""
        raise BadMessage("expected JSON text frames, got a binary one")

    def send_event(self, event: Event, *, lag_ms: int | None = None) -> list[str]:
        """Write what an event is, and the transcripts that have become complete."""
        self._settling.note(event)
        write = _WRITERS.get(type(event))
        bodies = write(self, event) if write else []
        bodies += self._completed(at_end=isinstance(event, Ended | Failed))
        return [self._frame(body) for body in bodies]

    def closing(self, error: SpeechError) -> Closing:
        """Close with the error's own code, and its name as the reason."""
        return Closing(error.close_code, error.code)

    # What comes in

    def _update(self, body: JsonObject) -> list[Input]:
        return self._change(patched(self._session, body.get("session")))

    def _update_beta(self, body: JsonObject) -> list[Input]:
        self.is_beta = True
        return self._change(patched_by_beta(self._session, body.get("session")))

    def _change(self, wanted: RealtimeSession) -> list[Input]:
        if self._is_started and wanted.audio != self._session.audio:
            raise BadMessage("format: expected no change after the first audio")
        self._session = wanted
        change: list[Input] = []
        if self._is_started:
            options = self._options
            change = [
                Reconfigure(
                    language=options.language,
                    prompt=options.prompt,
                    endpoint_ms=options.endpoint_ms,
                )
            ]
            change += self._hold()
        return [*change, *self._told("updated")]

    def _append(self, body: JsonObject) -> list[Input]:
        audio = body.get("audio")
        try:
            data = base64.b64decode(str(audio).encode(), validate=True)
        except binascii.Error:
            raise BadMessage.expected("audio", "base64", audio) from None
        shape = self._session.audio
        self._audio_s += len(data) / (shape.rate * shape.frame_bytes)
        return [*self._start(), data]

    def _commit(self, body: JsonObject) -> list[Input]:
        # The answer is known only when the session has heard the audio before it.
        self._replies.append([{"type": "commit", "of": body.get("event_id")}])
        marks = Mark("before"), Flush(), Mark("commit")
        return [*self._start(), *marks, *self._hold()]

    def _clear(self, _body: JsonObject) -> list[Input]:
        return [*self._start(), Flush(), Mark("clear"), *self._hold()]

    def _start(self) -> list[Input]:
        if self._is_started:
            return []
        self._is_started = True
        return [Start(self._options), *self._hold()]

    def _hold(self) -> list[Input]:
        return [] if self._session.turn_detection else [Hold()]

    @property
    def _options(self) -> SessionOptions:
        session = self._session
        return replace(
            self.defaults,
            audio=session.audio,
            language=session.language or self.defaults.language,
            prompt=session.prompt or self.defaults.prompt,
            endpoint_ms=session.endpoint_ms,
            words=False,
            partials=False,
        )

    def _told(self, what: str) -> list[Input]:
        write = beta_session_body if self.is_beta else session_body
        kind = "transcription_session" if self.is_beta else "session"
        session = write(self._session, self.session_id, self.expires_at)
        return self._reply({"type": f"{kind}.{what}", "session": session})

    def _reply(self, body: JsonObject) -> list[Input]:
        self._replies.append([body])
        return [Mark("reply")]

    # What goes out

    def _speech_started(self, event: Event) -> list[JsonObject]:
        assert isinstance(event, SpeechStarted)
        self._started += 1
        if self._session.turn_detection is None:
            return []
        body: JsonObject = {"type": "input_audio_buffer.speech_started"}
        return [body | {"audio_start_ms": _ms(event.start_s), "item_id": self._next}]

    def _speech_ended(self, event: Event) -> list[JsonObject]:
        assert isinstance(event, SpeechEnded)
        self._ended = self._started
        if self._session.turn_detection is None:
            return []
        body: JsonObject = {"type": "input_audio_buffer.speech_stopped"}
        stopped = body | {"audio_end_ms": _ms(event.end_s), "item_id": self._next}
        return [stopped, *self._take_turn()]

    def _final(self, event: Event) -> list[JsonObject]:
        assert isinstance(event, Final)
        for turn in self._turns:
            if event.utterance <= turn.last_utterance:
                turn.finals.append(event)
                return []
        self._unclaimed.append(event)
        return []

    def _marked(self, event: Event) -> list[JsonObject]:
        assert isinstance(event, Marked)
        if event.name == "clear":
            return self._cleared()
        if event.name == "before":
            self._items_before = self._items
            return []
        (body,) = self._replies.popleft()
        return self._commit_answer(body) if event.name == "commit" else [body]

    def _commit_answer(self, asked: JsonObject) -> list[JsonObject]:
        heard_s, self._audio_s = self._audio_s, 0.0
        if self._session.turn_detection is not None:
            # The flush has made an item of an open utterance; silence makes none.
            is_taken = self._items > self._items_before
            return [] if is_taken else [empty_body(0.0, asked["of"])]
        if heard_s < MIN_COMMIT_S:
            return [empty_body(heard_s, asked["of"])]
        return self._take_turn()

    def _cleared(self) -> list[JsonObject]:
        self._audio_s = 0.0
        if self._ended > self._committed:
            self._unclaimed.clear()
            self._claim(None)
        return [{"type": "input_audio_buffer.cleared"}]

    @property
    def _next(self) -> str:
        return f"item_{self._items + 1}"

    def _take_turn(self) -> list[JsonObject]:
        """Commit what was heard since the last turn as an item."""
        item_id, previous = self._next, self._last_item
        self._items += 1
        self._last_item = item_id
        self._claim(item_id)
        return committed_bodies(item_id, previous, is_beta=self.is_beta)

    def _claim(self, item_id: str | None) -> None:
        finals, self._unclaimed = self._unclaimed, []
        turn = _Turn(item_id, self._ended, self._settling.point_s, finals)
        self._turns.append(turn)
        self._committed = self._ended

    def _completed(self, *, at_end: bool) -> list[JsonObject]:
        bodies: list[JsonObject] = []
        while self._turns and (
            at_end or self._settling.is_settled(self._turns[0].until_s)
        ):
            turn = self._turns.popleft()
            if turn.item_id is not None:
                bodies += transcript_bodies(turn.item_id, turn.finals)
        return bodies

    def _failed(self, event: Event) -> list[JsonObject]:
        assert isinstance(event, Failed)
        error = event.error
        kind = "invalid_request_error" if error.http_status < 500 else "server_error"
        return [error_body(error.code, str(error), param=error.field, kind=kind)]

    def _frame(self, body: JsonObject) -> str:
        self._events += 1
        numbered = {"type": body["type"], "event_id": f"event_{self._events}"} | body
        return json.dumps(numbered, ensure_ascii=False)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


_RECEIVERS: dict[str, Callable[[RealtimeDialect, JsonObject], list[Input]]] = {
    "session.update": RealtimeDialect._update,
    "transcription_session.update": RealtimeDialect._update_beta,
    "input_audio_buffer.append": RealtimeDialect._append,
    "input_audio_buffer.commit": RealtimeDialect._commit,
    "input_audio_buffer.clear": RealtimeDialect._clear,
}
_WRITERS: dict[type[Event], Callable[[RealtimeDialect, Event], list[JsonObject]]] = {
    SpeechStarted: RealtimeDialect._speech_started,
    SpeechEnded: RealtimeDialect._speech_ended,
    Final: RealtimeDialect._final,
    Marked: RealtimeDialect._marked,
    Failed: RealtimeDialect._failed,
}
