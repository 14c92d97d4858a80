"""
The windows that are being decoded, in memory that gateway and engine process share.

Samples are copied once, into the slot of a decode; the pipes to the engine process and
on to its lane say where they lie.
"""

import mmap
import os
import sys
import tempfile

import numpy as np

from whispercpp_ws.decoding import SAMPLE_RATE, Samples
from whispercpp_ws.errors import EngineError


SLOT_SAMPLES = 30 * SAMPLE_RATE
"""Whisper's whole window. A slot takes memory, up to 1.9 MB, as far as it was used."""

SLOT_BYTES = SLOT_SAMPLES * np.dtype(np.float32).itemsize


class Slots:
    """One slot for each lane; the gateway writes, the engine process reads."""

    def __init__(self, fd: int, access: int) -> None:
        self.fd = fd
        """What another process attaches to; it stays the caller's."""
        self._memory = mmap.mmap(fd, 0, access=access)
        self._count = len(self._memory) // SLOT_BYTES

    @classmethod
    def create(cls, count: int) -> "Slots":
        """Make so many slots that this process writes to; raises OSError."""
        make = memory_file if sys.platform == "linux" else temporary_file
        return cls(make(count * SLOT_BYTES), mmap.ACCESS_WRITE)

    @classmethod
    def attach(cls, fd: int) -> "Slots":
        """Read the slots that another process made; raises EngineError."""
        try:
            return cls(fd, mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise EngineError(
                f"slots: expected a descriptor of shared memory, got {fd}: {error}"
            ) from error

    def put(self, slot: int, samples: Samples) -> None:
        """
        Copy a window into a slot whose last decode has its answer.

        Raises:
            EngineError: it is longer than 30 s, or there is no such slot.
        """
        self._check(slot, len(samples))
        first, data = slot * SLOT_BYTES, samples.view(np.uint8).data
        self._memory[first : first + len(data)] = data

    def get(self, slot: int, sample_count: int) -> Samples:
        """
        Return a slot's first samples, not copied, to be read until its decode is over.

        Raises:
            EngineError: so many are not in it, or there is no such slot.
        """
        self._check(slot, sample_count)
        return np.frombuffer(
            self._memory, np.float32, sample_count, offset=slot * SLOT_BYTES
        )

    def close(self) -> None:
        """Let go of the memory and of the descriptor."""
        self._memory.close()
        os.close(self.fd)

    def _check(self, slot: int, sample_count: int) -> None:
        if not (0 <= slot < self._count and 0 <= sample_count <= SLOT_SAMPLES):
            raise EngineError(
                f"slots: expected at most {SLOT_SAMPLES} samples in one of "
                f"{self._count} slots, got {sample_count} in number {slot}"
            )


def memory_file(size_bytes: int) -> int:
    """Return a descriptor of zeros that are in memory only; for Linux."""
    fd = os.memfd_create("whispercpp-ws-slots")
    os.ftruncate(fd, size_bytes)
    return fd


def temporary_file(size_bytes: int) -> int:
    """Return a descriptor of zeros in a file without a name; raises OSError."""
    with tempfile.TemporaryFile() as file:
        # Written, not left as a hole: where the disk is full this fails, and not, by
        # SIGBUS, a copy later on.
        file.write(bytes(size_bytes))
        file.flush()
        return os.dup(file.fileno())
