"""Speak the native protocol from the client side: `async with connect(url) as stt`."""

from whispercpp_ws.client.live import Changes, LiveTranscript, Options, connect


__all__ = ["Changes", "LiveTranscript", "Options", "connect"]
