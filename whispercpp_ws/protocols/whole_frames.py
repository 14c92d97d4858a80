"""Complete a sample that a client cut in half at the end of its audio."""

from whispercpp_ws.events import AudioFormat
from whispercpp_ws.protocols.base import Input


class WholeFrames:
    """
    Count bytes, to know what the last sample of every channel lacks.

    The native dialect calls half a sample an error; other servers drop it.
    """

    def __init__(self) -> None:
        self._bytes = 0

    def note(self, data: bytes) -> None:
        """Count audio."""
        self._bytes += len(data)

    def padding(self, audio: AudioFormat) -> list[Input]:
        """Return what is missing, as silence; nothing when nothing is."""
        missing = -self._bytes % audio.frame_bytes
        return [b"\0" * missing] if missing else []
