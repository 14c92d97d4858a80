"""
Vosk's WebSocket server (alphacep/vosk-server), on `/`.

Its flow is a remote procedure call: one reply for each binary frame, one for `eof` and
one for `reset`, none for `config`, and nothing unasked. Clients count on it.
"""

from collections import deque
from dataclasses import dataclass, field, replace

from whispercpp_ws.errors import BadMessage, SpeechError
from whispercpp_ws.events import (
    AudioFormat,
    End,
    Ended,
    Event,
    Final,
    Flush,
    Mark,
    Marked,
    Partial,
    SessionOptions,
    Start,
)
from whispercpp_ws.protocols.base import Closing, Input
from whispercpp_ws.protocols.fields import Fields
from whispercpp_ws.protocols.json_object import parse_json_object
from whispercpp_ws.protocols.settling import Settling
from whispercpp_ws.protocols.vosk_results import VoskForm, partial_frame, result_frame
from whispercpp_ws.protocols.wav_header import WavHeader, read_wav_header
from whispercpp_ws.protocols.whole_frames import WholeFrames


DEFAULT_RATE = 8_000
"""VOSK_SAMPLE_RATE of the reference; Asterisk, FreeSWITCH and the browser example send
no config and count on it."""
MAX_PROMPT_CHARS = 800
MAX_ALTERNATIVES = 100
MAX_NAME_CHARS = 100
EOF_CHARS = 32
"""A binary frame up to this size may be an `eof` sent with the wrong opcode."""
CLOSE_BROKEN = 1011
"""The protocol has no error message: the reference drops the connection with this."""

_CHUNK, _RESET = "chunk", "reset"


@dataclass(frozen=True, slots=True)
class _Owed:
    """A reply that is due once everything up to a point is settled."""

    is_result: bool
    after_s: float


@dataclass(slots=True)
class VoskDialect:
    """The server's side of one connection."""

    defaults: SessionOptions = SessionOptions()
    rate: int = DEFAULT_RATE
    """Samples per second for a client that names none."""
    form: VoskForm = VoskForm()
    _rate_given: bool = field(default=False, init=False)
    _is_started: bool = field(default=False, init=False)
    _is_ended: bool = field(default=False, init=False)
    _audio: AudioFormat = field(default=AudioFormat(), init=False)
    _frames: WholeFrames = field(default_factory=WholeFrames, init=False)
    _partial: Partial | None = field(default=None, init=False)
    _finals: list[Final] = field(default_factory=list, init=False)
    _owed: deque[_Owed] = field(default_factory=deque, init=False)
    _settling: Settling = field(default_factory=Settling, init=False)

    @property
    def droppable(self) -> tuple[type[Event], ...]:
        """Drop nothing: each reply is the answer to a frame."""
        return ()

    def receive_open(self) -> list[Input]:
        """Wait for the config or the first audio, which decide the sampling rate."""
        return []

    def receive_text(self, text: str) -> list[Input]:
        """
        Read `config`, `eof` or `reset`, however its JSON is spaced.

        Raises:
            BadJson, BadMessage: it is none of them, or a value has a wrong type.
        """
        body = parse_json_object(text)
        if self._is_ended:
            return []
        if "config" in body:
            self._configure(body["config"])
            return []
        if body.get("eof"):
            return self._end()
        if body.get("reset"):
            return [*self._start(), Flush(), Mark(_RESET)]
        raise BadMessage.expected("message", "config, eof or reset", text)

    def receive_binary(self, data: bytes) -> list[Input]:
        """Return the audio and ask for its reply; a WAV header is taken off."""
        if len(data) <= EOF_CHARS and data.startswith(b"{") and b'"eof"' in data:
            return self.receive_text(data.decode(errors="replace"))
        if self._is_ended:
            return []
        header = None if self._is_started else read_wav_header(data)
        inputs = self._start(header)
        audio = data[header.length :] if header else data
        self._frames.note(audio)
        return [*inputs, audio, Mark(_CHUNK)]

    def send_event(self, event: Event, *, lag_ms: int | None = None) -> list[str]:
        """Remember what was said, and write the replies that are due."""
        self._settling.note(event)
        if isinstance(event, Partial):
            self._partial = event
        elif isinstance(event, Final):
            self._take_final(event)
        elif isinstance(event, Marked):
            after_s = self._settling.point_s if event.name == _RESET else 0.0
            self._owed.append(_Owed(event.name == _RESET, after_s))
        elif isinstance(event, Ended):
            return [*self._replies(at_end=True), self._result()]
        return self._replies()

    def closing(self, error: SpeechError) -> Closing:
        """Drop the connection as the reference does; the reason says why."""
        return Closing(CLOSE_BROKEN, error.code)

    # What comes in

    def _configure(self, config: object) -> None:
        if not isinstance(config, dict):
            raise BadMessage.expected("config", "an object", config)
        if self._is_started:
            # The recogniser exists; the reference takes no notice either.
            return
        fields = Fields(config)
        if fields.has("sample_rate"):
            self.rate = fields.whole("sample_rate", 0, low=8_000, high=192_000)
            self._rate_given = True
        self.form = replace(
            self.form,
            words=bool(config.get("words", self.form.words)),
            max_alternatives=fields.whole(
                "max_alternatives", 0, low=0, high=MAX_ALTERNATIVES
            ),
        )
        self.defaults = replace(
            self.defaults,
            model=fields.text("model", self.defaults.model, max_chars=MAX_NAME_CHARS),
            prompt=_prompt(config.get("phrase_list", [])) or self.defaults.prompt,
        )

    def _start(self, header: WavHeader | None = None) -> list[Input]:
        if self._is_started:
            return []
        self._is_started = True
        self._audio = AudioFormat(rate=self.rate)
        if header is not None and header.audio is not None and not self._rate_given:
            self._audio = header.audio
        options = replace(self.defaults, audio=self._audio, words=self.form.words)
        return [Start(options)]

    def _end(self) -> list[Input]:
        self._is_ended = True
        return [*self._start(), *self._frames.padding(self._audio), End()]

    # What goes out

    def _take_final(self, final: Final) -> None:
        self._finals.append(final)
        if self._partial is not None and self._partial.utterance <= final.utterance:
            self._partial = None

    def _replies(self, *, at_end: bool = False) -> list[str]:
        frames = []
        while self._owed and (at_end or self._is_due(self._owed[0])):
            owed = self._owed.popleft()
            frames.append(self._result() if owed.is_result else self._reply())
        return frames

    def _is_due(self, owed: _Owed) -> bool:
        return self._settling.is_settled(owed.after_s)

    def _reply(self) -> str:
        if self._finals:
            return self._result()
        text = self._partial.text if self._partial else ""
        return partial_frame(text, self.form)

    def _result(self) -> str:
        finals, self._finals = self._finals, []
        return result_frame(finals, self.form)


def _prompt(phrases: object) -> str:
    if not isinstance(phrases, list) or not all(isinstance(p, str) for p in phrases):
        raise BadMessage.expected("phrase_list", "a list of strings", phrases)
    # "[unk]" stands for whatever is not in the grammar, and is no speech.
    spoken = (p.replace("\0", "") for p in phrases if not p.startswith("["))
    return ", ".join(spoken)[:MAX_PROMPT_CHARS]
