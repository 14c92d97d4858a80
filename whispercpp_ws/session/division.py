"""Find where speech that goes on and on is divided into parts."""

from collections.abc import Iterable, Sequence

from whispercpp_ws.decoding import SAMPLE_RATE
from whispercpp_ws.session.tuning import Tuning
from whispercpp_ws.session.utterance import Part, Pause


def dividing_pause(
    part: Part, pauses: Iterable[Pause], *, position: int, tuning: Tuning
) -> Pause | None:
    """
    Return the silence at which a part that is long by now ends; None for none yet.

    It is the longest that lies well inside: the decodes on both sides of it then hear
    enough of the other side. It depends on nothing but what was heard.

    Args:
        part: the open one.
        pauses: finished silences of the utterance.
        position: sample that was heard last.
        tuning: how long is long.
    """
    if _window(part, position, tuning) < tuning.divided_s * SAMPLE_RATE:
        return None
    first = part.start + tuning.divided_behind_s * SAMPLE_RATE
    last = position - tuning.ahead_s * SAMPLE_RATE
    inside = (pause for pause in pauses if first <= pause[0] and pause[1] <= last)
    return max(inside, key=lambda pause: pause[1] - pause[0], default=None)


def is_rejoined(parts: Sequence[Part], *, speech_end: int, tuning: Tuning) -> bool:
    """
    Tell whether the last two of an utterance's parts are better decoded as one.

    They are where speech ends so soon after the division that one decode of all of it
    takes less than what is left of the first and the second.
    """
    if not parts[-1].follows_speech:
        return False
    return _window(parts[-2], speech_end, tuning) <= tuning.rejoined_s * SAMPLE_RATE


def _window(part: Part, end: int, tuning: Tuning) -> int:
    """Return the samples that a decode of a part up to `end` hears."""
    before = round(tuning.ahead_s * SAMPLE_RATE) if part.follows_speech else 0
    return before + end - part.start
