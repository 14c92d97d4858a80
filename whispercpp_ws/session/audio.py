"""From a client's bytes to mono samples, and the samples a session still needs."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from whispercpp_ws.decoding import Samples
from whispercpp_ws.errors import BadAudio
from whispercpp_ws.events import AudioFormat, Encoding


ROOM_SAMPLES = 640
"""40 ms, free in a sample store that is made anew, and forgotten at once. Every idle
session has one: with what the next utterance may begin with, 28 kB. To move that on so
often takes 0.1 ms for each second of audio."""
BLOCK_MS = 20
"""Audio is decoded in whole blocks, so that chunking cannot change a sample."""


class PcmReader:
    """
    Cut a byte stream into blocks of 20 ms and decode each to mono float32.

    Bytes that do not fill a block wait for the next call, in a buffer never longer
    than one call's bytes plus one block.
    """

    def __init__(self, audio: AudioFormat) -> None:
        self._audio = audio
        self._waiting = bytearray()
        self._block_bytes = audio.rate * BLOCK_MS // 1000 * audio.frame_bytes

    def receive(self, pcm: bytes) -> Iterator[Samples]:
        """
        Take bytes of any length and yield each finished block.

        Raises:
            BadAudio: a sample is NaN or infinite.
        """
        self._waiting += pcm
        while len(self._waiting) >= self._block_bytes:
            block = bytes(self._waiting[: self._block_bytes])
            del self._waiting[: self._block_bytes]
            yield decode_pcm(block, self._audio)

    def receive_eof(self) -> Samples:
        """
        Return the last, shorter block; half a frame is left in `odd_bytes`.

        Raises:
            BadAudio: a sample is NaN or infinite.
        """
        whole = len(self._waiting) - self.odd_bytes
        return decode_pcm(bytes(self._waiting[:whole]), self._audio)

    @property
    def odd_bytes(self) -> int:
        """Bytes at the end that do not make a sample of every channel."""
        return len(self._waiting) % self._audio.frame_bytes


def decode_pcm(pcm: bytes, audio: AudioFormat) -> Samples:
    """
    Decode whole frames to mono float32 in -1..1, averaging the channels.

    Raises:
        BadAudio: a sample is NaN or infinite.
    """
    samples = _DECODERS[audio.encoding](pcm)
    if audio.channels > 1:
        samples = samples.reshape(-1, audio.channels).mean(axis=1, dtype=np.float32)
    return samples


def _decode_pcm16(pcm: bytes) -> Samples:
    return np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)


def _decode_f32(pcm: bytes) -> Samples:
    samples = np.frombuffer(pcm, "<f4").astype(np.float32)
    if not np.isfinite(samples).all():
        raise BadAudio("audio: expected finite f32le samples, got NaN or infinity")
    return np.clip(samples, -1.0, 1.0)


def _decode_mulaw(pcm: bytes) -> Samples:
    return _MULAW[np.frombuffer(pcm, np.uint8)]


def _decode_alaw(pcm: bytes) -> Samples:
    return _ALAW[np.frombuffer(pcm, np.uint8)]


def _mulaw_table() -> Samples:
    """Build the 256 values of ITU-T G.711 mu-law."""
    code = ~np.arange(256, dtype=np.uint8)
    exponent = (code >> 4) & 7
    mantissa = (code & 15).astype(np.int32)
    magnitude = ((mantissa << 3) + 0x84 << exponent) - 0x84
    return _scaled(np.where(code & 0x80, -magnitude, magnitude))


def _alaw_table() -> Samples:
    """Build the 256 values of ITU-T G.711 A-law."""
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent = ((code >> 4) & 7).astype(np.int32)
    mantissa = (code & 15).astype(np.int32) << 4
    steep = (mantissa + 0x108) << np.maximum(exponent - 1, 0)
    magnitude = np.where(exponent == 0, mantissa + 8, steep)
    return _scaled(np.where(code & 0x80, magnitude, -magnitude))


def _scaled(values: NDArray[np.int32]) -> Samples:
    return values.astype(np.float32) / np.float32(32768)


_MULAW = _mulaw_table()
_ALAW = _alaw_table()
_DECODERS = {
    Encoding.PCM16LE: _decode_pcm16,
    Encoding.F32LE: _decode_f32,
    Encoding.MULAW: _decode_mulaw,
    Encoding.ALAW: _decode_alaw,
}


class SampleBuffer:
    """
    Hold 16 kHz samples by their position in the session.

    Positions count samples from the session's start and never change; `forget` frees
    what lies before one.
    """

    def __init__(self) -> None:
        self._first = 0
        self._end = 0
        self._store = np.empty(0, np.float32)

    @property
    def first(self) -> int:
        """Position of the oldest sample still held."""
        return self._first

    @property
    def end(self) -> int:
        """Position after the newest sample."""
        return self._end

    def append(self, samples: Samples) -> None:
        """Add samples at the end."""
        held = self._end - self._first
        if held + len(samples) > len(self._store):
            self._grow(held + len(samples))
        self._store[held : held + len(samples)] = samples
        self._end += len(samples)

    def slice(self, start: int, end: int) -> Samples:
        """Copy the samples of `start <= position < end`; both must be held."""
        return self._store[start - self._first : end - self._first].copy()

    def forget(self, before: int) -> None:
        """Free the samples before a position, once they are worth moving the rest."""
        if before - self._first >= ROOM_SAMPLES:
            self._move(before, self._end - before + ROOM_SAMPLES)

    def _grow(self, needed: int) -> None:
        # By half: each sample of a long utterance is then moved twice on average.
        self._move(self._first, needed + max(ROOM_SAMPLES, needed // 2))

    def _move(self, first: int, size: int) -> None:
        """Go on, from a position on, in a store of another size."""
        kept = self._store[first - self._first : self._end - self._first]
        self._store = np.empty(size, np.float32)
        self._store[: len(kept)] = kept
        self._first = first
