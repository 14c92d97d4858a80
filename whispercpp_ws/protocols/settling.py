"""Know when everything spoken before a point of the audio has its final."""

from whispercpp_ws.events import Acknowledged, Event, SpeechEnded


class Settling:
    """Follow the events of a session; a point is where the last utterance ended."""

    def __init__(self) -> None:
        self.point_s = 0.0
        """End of the last utterance that is over."""
        self._settled_s = 0.0

    def note(self, event: Event) -> None:
        """Take an event."""
        if isinstance(event, SpeechEnded):
            self.point_s = event.end_s
        elif isinstance(event, Acknowledged):
            self._settled_s = event.offset_s

    def is_settled(self, point_s: float) -> bool:
        """Tell whether every utterance up to an earlier `point_s` has its final."""
        return self._settled_s >= point_s
