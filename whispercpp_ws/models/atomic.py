"""Put a finished file in place: checked, flushed to disk, renamed in one step."""

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from whispercpp_ws.errors import ChecksumMismatch, NoSpace


Progress = Callable[[str, int, int | None], None]
"""Called with what is being done, bytes done, and bytes in all where known."""


def no_progress(label: str, done: int, total: int | None) -> None:
    """Show nothing."""


CHUNK_BYTES = 1 << 18
"""Read and written at once: few calls, and progress still moves on a slow line."""

SPARE_BYTES = 32 << 20
"""Left free on the disk; a full one breaks logs and databases beside us."""


@dataclass(frozen=True, slots=True)
class Digest:
    """What a file's bytes must be."""

    size: int
    sha256: str | None = None
    sha1: str | None = None


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    return _hash(path, "sha256")


def check(path: Path, digest: Digest) -> None:
    """
    Check a file's size and checksums.

    Raises:
        ChecksumMismatch: one differs; the message gives both values.
    """
    size = path.stat().st_size
    if size != digest.size:
        raise ChecksumMismatch(f"{path.name}: expected {digest.size} bytes, got {size}")
    for algorithm, expected in (("sha256", digest.sha256), ("sha1", digest.sha1)):
        if expected is None:
            continue
        found = _hash(path, algorithm)
        if found != expected:
            raise ChecksumMismatch(
                f"{path.name}: expected {algorithm} {expected}, got {found}"
            )


def publish(temporary: Path, target: Path) -> None:
    """Give a finished file its name; after a crash it is there whole or not at all."""
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(temporary, target)
    if os.name == "posix":
        _sync_directory(target.parent)


def require_space(directory: Path, size: int) -> None:
    """
    Check that a directory's disk can take `size` more bytes.

    Raises:
        NoSpace: it cannot; the message gives both sizes.
    """
    free = shutil.disk_usage(directory).free
    if free < size + SPARE_BYTES:
        raise NoSpace(
            f"{directory}: expected {(size + SPARE_BYTES) / 1e6:.0f} MB of free disk "
            f"space, got {free / 1e6:.0f} MB; free some or choose another directory"
        )


@contextmanager
def full_disk_as_no_space(directory: Path) -> Iterator[None]:
    """Turn a disk that fills up while writing into NoSpace."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise NoSpace(f"{directory}: the disk became full while writing") from error


def _hash(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
