"""Read audio files, the only place that imports soundfile."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from whispercpp_ws.closing import Closing
from whispercpp_ws.decoding import Samples
from whispercpp_ws.errors import BadAudio


READ_FRAMES = 65_536
"""Frames decoded at once; 0.5 MB of stereo float32."""

RAW_SUBTYPES = {
    "pcm16le": "PCM_16",
    "f32le": "FLOAT",
    "mulaw": "ULAW",
    "alaw": "ALAW",
}
"""What libsndfile calls the encodings of raw PCM."""

MAX_FILE_S = 4 * 3600
"""Longest file read as a whole; 2.8 GB of mono float32 at 48 kHz."""


class AudioFile(Closing):
    """A WAV, FLAC, OGG or MP3 file that is open for reading; use as a context."""

    def __init__(self, file: soundfile.SoundFile, path: Path | str) -> None:
        self._file = file
        self._path = path
        self.rate: int = file.samplerate
        """Samples per second and channel."""
        self.channels: int = file.channels

    @classmethod
    def open(cls, path: Path) -> "AudioFile":
        """
        Open a file and read its header.

        Raises:
            BadAudio: the file is missing, or no format libsndfile knows.
        """
        if not path.is_file():
            raise BadAudio(f"{path}: no such file", field="file")
        try:
            return cls(soundfile.SoundFile(path), path)
        except (soundfile.LibsndfileError, OSError) as error:
            raise _unreadable(path, error) from error

    @classmethod
    def of_bytes(cls, data: bytes, name: str) -> "AudioFile":
        """Read a file that is in memory; errors (BadAudio) call it `name`."""
        try:
            return cls(soundfile.SoundFile(io.BytesIO(data)), name)
        except soundfile.LibsndfileError as error:
            raise _unreadable(name, error) from error

    @classmethod
    def of_pcm(
        cls, data: bytes, name: str, *, encoding: str, rate: int, channels: int
    ) -> "AudioFile":
        """Read PCM without a header; `encoding` is a key of `RAW_SUBTYPES`."""
        file = soundfile.SoundFile(
            io.BytesIO(data),
            samplerate=rate,
            channels=channels,
            format="RAW",
            subtype=RAW_SUBTYPES[encoding],
            endian="LITTLE" if encoding in ("pcm16le", "f32le") else "FILE",
        )
        return cls(file, name)

    @property
    def seconds(self) -> float:
        """Length as the header promises; a truncated file may hold less."""
        return float(self._file.frames / self.rate)

    def blocks(self, frames: int) -> Iterator[bytes]:
        """
        Read the rest as pcm16le, channels interleaved, `frames` samples of each.

        The last block is shorter. Raises BadAudio where the file is damaged.
        """
        while len(block := self._read(frames)):
            yield _pcm16le(block)

    def read_mono(self) -> Samples:
        """
        Read the rest, channels averaged, -1 to 1.

        Raises:
            BadAudio: the file is damaged or longer than `MAX_FILE_S`.
        """
        if self.seconds > MAX_FILE_S:
            raise BadAudio(
                f"{self._path}: expected at most {MAX_FILE_S // 3600} hours, "
                f"got {self.seconds / 3600:.1f}; cut the file",
                field="file",
            )
        parts = [np.zeros(0, dtype=np.float32)]
        while len(block := self._read(READ_FRAMES)):
            parts.append(block.mean(axis=1, dtype=np.float32))
        return np.concatenate(parts)

    def close(self) -> None:
        """Close the file; it must not be read again."""
        self._file.close()

    def _read(self, frames: int) -> NDArray[np.float32]:
        try:
            block = self._file.read(frames, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise _unreadable(self._path, error) from error
        samples: NDArray[np.float32] = block
        if not np.isfinite(samples).all():
            raise BadAudio(f"{self._path}: a sample is not a number", field="file")
        return samples


def read_mono(path: Path) -> tuple[Samples, int]:
    """Read a whole file as mono samples and their rate; raises BadAudio."""
    with AudioFile.open(path) as file:
        return file.read_mono(), file.rate


def _pcm16le(block: NDArray[np.float32]) -> bytes:
    # libsndfile does not scale float files to integers, so it is done here; integer
    # files come back bit for bit.
    scaled = np.rint(block * 32_768.0).clip(-32_768, 32_767)
    data: bytes = scaled.astype("<i2").tobytes()
    return data


def _unreadable(path: Path | str, error: Exception) -> BadAudio:
    return BadAudio(
        f"{path}: expected a WAV, FLAC, OGG or MP3 file, got one that cannot be read "
        f"({str(error).strip()})",
        field="file",
    )
