"""Find where speech that goes on and on is divided into parts."""

from collections.abc import Iterable

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
    ahead = round(tuning.ahead_s * SAMPLE_RATE)
    heard_before = ahead if part.follows_speech else 0
    if position - part.start + heard_before < tuning.divided_s * SAMPLE_RATE:
        return None
    first = part.start + tuning.divided_behind_s * SAMPLE_RATE
    last = position - ahead
    inside = (pause for pause in pauses if first <= pause[0] and pause[1] <= last)
    return max(inside, key=lambda pause: pause[1] - pause[0], default=None)
