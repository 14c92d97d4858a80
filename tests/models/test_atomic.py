import errno
import hashlib
from pathlib import Path

import pytest

from whispercpp_ws.errors import ChecksumMismatch, NoSpace
from whispercpp_ws.models.atomic import (
    Digest,
    check,
    full_disk_as_no_space,
    publish,
    require_space,
    sha256_of,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"words")
    return path


def test_the_right_bytes_pass(file: Path) -> None:
    sha1 = hashlib.sha1(b"words").hexdigest()
    check(file, Digest(5, sha256_of(file), sha1))
    check(file, Digest(5))


@pytest.mark.parametrize(
    ("digest", "message"),
    [
        (Digest(6), "expected 6 bytes, got 5"),
        (Digest(5, "00"), "expected sha256 00, got"),
        (Digest(5, None, "00"), "expected sha1 00, got"),
    ],
)
def test_other_bytes_are_refused(file: Path, digest: Digest, message: str) -> None:
    with pytest.raises(ChecksumMismatch, match=f"file: {message}"):
        check(file, digest)


def test_publishing_replaces_an_older_file(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"older")
    publish(file, target)
    assert target.read_bytes() == b"words"
    assert not file.exists()


def test_too_little_space_is_refused(tmp_path: Path) -> None:
    require_space(tmp_path, 0)
    with pytest.raises(NoSpace, match="MB of free disk space"):
        require_space(tmp_path, 1 << 60)


def test_a_disk_that_fills_up_is_no_space(tmp_path: Path) -> None:
    with (
        pytest.raises(NoSpace, match="became full"),
        full_disk_as_no_space(tmp_path),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_any_other_failure_of_the_disk_is_itself(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), full_disk_as_no_space(tmp_path):
        raise PermissionError(errno.EACCES, "Permission denied")
