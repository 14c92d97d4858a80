"""Recognise the header of a WAV file that a client sends before its samples."""

import struct
from dataclasses import dataclass

from whispercpp_ws.events import AudioFormat, Encoding


_ENCODINGS = {
    (1, 16): Encoding.PCM16LE,
    (3, 32): Encoding.F32LE,
    (6, 8): Encoding.ALAW,
    (7, 8): Encoding.MULAW,
}
"""By format tag and bits of a sample (RFC 2361)."""
MIN_RATE, MAX_RATE = 8_000, 192_000
MAX_CHANNELS = 8


@dataclass(frozen=True, slots=True)
class WavHeader:
    """What a header says."""

    audio: AudioFormat | None
    """None where it is a format that sessions do not read."""
    length: int
    """Bytes before the samples."""


def read_wav_header(data: bytes) -> WavHeader | None:
    """Return the header that `data` begins with; None when it is no whole one."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return None
    audio, position = None, 12
    while position + 8 <= len(data):
        name = data[position : position + 4]
        (size,) = struct.unpack_from("<I", data, position + 4)
        if name == b"data":
            return WavHeader(audio, position + 8)
        if name == b"fmt ":
            audio = _format(data[position + 8 : position + 24])
        # Chunks are padded to an even length.
        position += 8 + size + size % 2
    return None


def _format(chunk: bytes) -> AudioFormat | None:
    if len(chunk) < 16:
        return None
    tag, channels, rate, _, _, bits = struct.unpack("<HHIIHH", chunk)
    encoding = _ENCODINGS.get((tag, bits))
    is_readable = 1 <= channels <= MAX_CHANNELS and MIN_RATE <= rate <= MAX_RATE
    if encoding is None or not is_readable:
        return None
    return AudioFormat(encoding, rate, channels)
