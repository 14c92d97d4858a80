"""A session that goes on where one that its server lost left off; pure."""

from dataclasses import dataclass, replace

from whispercpp_ws.events import (
    Acknowledged,
    Command,
    Ended,
    Event,
    Final,
    Flush,
    Hold,
    Partial,
    Ready,
    Reconfigure,
    SpeechEnded,
    SpeechStarted,
)
from whispercpp_ws.protocols import native


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the server."""

    event: Event
    text: str
    """The frame as it came; of a session that goes on, with its times and numbers."""


@dataclass(frozen=True, slots=True)
class Base:
    """Where a session begins in the audio and among the utterances of the client's."""

    offset_s: float = 0.0
    utterances: int = 0
    finals: int = 0

    def told(self, message: Message) -> Message:
        """Return a message of the session as one of the client's."""
        if not self.offset_s:
            return message
        said = native.decode_message(message.text)
        event = self.told_from_the_start(said.event)
        text = native.encode_event(
            event, lag_ms=said.lag_ms, request_id=said.request_id
        )
        return Message(event, text)

    def told_from_the_start(self, event: Event) -> Event:
        """Return an event of the session as one of the client's, from its start on."""
        match event:
            case Ready():
                return replace(event, offset_s=event.offset_s + self.offset_s)
            case SpeechStarted():
                return SpeechStarted(event.start_s + self.offset_s)
            case SpeechEnded():
                return SpeechEnded(event.end_s + self.offset_s)
            case Acknowledged():
                return Acknowledged(event.offset_s + self.offset_s)
            case Partial() | Final():
                return self._utterance(event)
            case Ended():
                end_s = event.offset_s + self.offset_s
                return Ended(end_s, event.finals + self.finals)
        return event

    def _utterance(self, event: Partial | Final) -> Partial | Final:
        moved = replace(
            event,
            utterance=event.utterance + self.utterances,
            start_s=event.start_s + self.offset_s,
            end_s=event.end_s + self.offset_s,
        )
        if isinstance(moved, Final) and moved.words is not None:
            words = tuple(word.shifted(self.offset_s) for word in moved.words)
            return replace(moved, words=words)
        return moved


class Standing:
    """What settled commands have left in force, for a session that heard none."""

    def __init__(self) -> None:
        self._change = Reconfigure()
        self._is_held = False

    def note(self, command: Command) -> None:
        """Take a command that the server has settled."""
        if isinstance(command, Reconfigure):
            self._change = replace(self._change, **command.changed)
        elif isinstance(command, Hold | Flush):
            self._is_held = isinstance(command, Hold)

    @property
    def commands(self) -> list[Command]:
        """The commands by which a new session comes to the same."""
        commands: list[Command] = []
        if self._change != Reconfigure():
            commands.append(self._change)
        if self._is_held:
            commands.append(Hold())
        return commands
