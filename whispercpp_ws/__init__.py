"""Live speech-to-text over WebSocket on whisper.cpp."""

__version__ = "0.1.0"
