"""
The phases of a session as a table; nothing else changes a phase.

IDLE -- nobody speaks. SPEECH -- an utterance is open and someone speaks. PAUSE -- it is
open, but silent for less than the endpoint. CLOSED -- no more audio will come.
"""

from enum import Enum, auto


class Phase(Enum):
    """Where a session is."""

    IDLE = auto()
    SPEECH = auto()
    PAUSE = auto()
    CLOSED = auto()


class Input(Enum):
    """What can happen to it."""

    VOICE = auto()
    SILENCE = auto()
    ENDPOINT = auto()
    LIMIT = auto()
    FLUSH = auto()
    EOF = auto()


TRANSITIONS: dict[Phase, dict[Input, Phase]] = {
    Phase.IDLE: {
        Input.VOICE: Phase.SPEECH,
        Input.SILENCE: Phase.IDLE,
        Input.FLUSH: Phase.IDLE,
        Input.EOF: Phase.CLOSED,
    },
    Phase.SPEECH: {
        Input.VOICE: Phase.SPEECH,
        Input.SILENCE: Phase.PAUSE,
        Input.LIMIT: Phase.SPEECH,
        Input.FLUSH: Phase.IDLE,
        Input.EOF: Phase.CLOSED,
    },
    Phase.PAUSE: {
        Input.VOICE: Phase.SPEECH,
        Input.SILENCE: Phase.PAUSE,
        Input.ENDPOINT: Phase.IDLE,
        Input.FLUSH: Phase.IDLE,
        Input.EOF: Phase.CLOSED,
    },
    Phase.CLOSED: {},
}


def next_phase(phase: Phase, cause: Input) -> Phase:
    """
    Look a transition up.

    Raises:
        RuntimeError: the table has none; the caller broke the contract.
    """
    try:
        return TRANSITIONS[phase][cause]
    except KeyError:
        legal = ", ".join(cause.name for cause in TRANSITIONS[phase]) or "nothing"
        raise RuntimeError(
            f"{cause.name} is illegal in {phase.name}, which takes {legal}"
        ) from None
