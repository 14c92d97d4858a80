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

    finals: int = 0
    """Finals that were new."""
    final_end_s: float = 0.0
    """Where the speech of the last one ended."""
    last_final: int = 0
    """The number of its utterance."""
    _started_s: float = -1.0
    _ended_s: float = -1.0
    _settled_s: float = -1.0

    def is_new(self, event: Event) -> bool:
        """Tell whether an event is said for the first time, and remember it."""
        match event:
            case Partial(utterance=number):
                return number > self.last_final
            case Final(utterance=number):
                return self._is_new_final(event, number)
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

    def _is_new_final(self, final: Final, number: int) -> bool:
        if number <= self.last_final:
            return False
        self.last_final, self.final_end_s = number, final.end_s
        self.finals += 1
        return True
