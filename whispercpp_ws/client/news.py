"""Tell what a server says for the first time from what it says again."""

from dataclasses import dataclass

from whispercpp_ws.events import (
    Acknowledged,
    Event,
    Final,
    Partial,
    SpeechEnded,
    SpeechStarted,
)


@dataclass(slots=True)
class News:
    """
    Remember how far the events of a session have come.

    After a resumed connection a server repeats what it does not know to have arrived.
    """

    _finals: int = 0
    _started_s: float = -1.0
    _ended_s: float = -1.0
    _settled_s: float = -1.0

    def is_new(self, event: Event) -> bool:
        """Tell whether an event is said for the first time, and remember it."""
        match event:
            case Partial(utterance=number):
                return number > self._finals
            case Final(utterance=number):
                before, self._finals = self._finals, max(self._finals, number)
                return number > before
            case SpeechStarted(start_s=at_s):
                before_s, self._started_s = self._started_s, max(self._started_s, at_s)
                return at_s > before_s
            case SpeechEnded(end_s=at_s):
                before_s, self._ended_s = self._ended_s, max(self._ended_s, at_s)
                return at_s > before_s
            case Acknowledged(offset_s=at_s):
                before_s, self._settled_s = self._settled_s, max(self._settled_s, at_s)
                return at_s > before_s
        return True
