"""
Live speech-to-text over WebSocket on whisper.cpp.

The client's names are here too, and cost nothing until they are used.
"""

import importlib
from typing import TYPE_CHECKING


__version__ = "0.1.0"

__all__ = [
    "Final",
    "LiveTranscript",
    "Partial",
    "SpeechEnded",
    "SpeechError",
    "SpeechStarted",
    "Warned",
    "Word",
    "connect",
]

if TYPE_CHECKING:
    from whispercpp_ws.client.live import LiveTranscript, connect
    from whispercpp_ws.errors import SpeechError
    from whispercpp_ws.events import (
        Final,
        Partial,
        SpeechEnded,
        SpeechStarted,
        Warned,
    )
    from whispercpp_ws.transcript import Word
else:
    _HOMES = {
        "LiveTranscript": "client.live",
        "connect": "client.live",
        "SpeechError": "errors",
        "Word": "transcript",
    }

    def __getattr__(name: str) -> object:
        """Import a public name when it is first asked for."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = importlib.import_module(f"{__name__}.{_HOMES.get(name, 'events')}")
        return getattr(home, name)
