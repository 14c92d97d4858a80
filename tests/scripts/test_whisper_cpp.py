import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from scripts.whisper_cpp import SOURCES, fetch, main
from tests.conftest import ROOT
from tests.models.loopback import Site, loopback_site
from whispercpp_ws.errors import ChecksumMismatch
from whispercpp_ws.models.atomic import Digest, no_progress
from whispercpp_ws.models.package_index import JSON_TYPE
from whispercpp_ws.models.packages import Distribution


FILES = {
    "pywhispercpp-1/setup.py": b"no",
    "pywhispercpp-1/whisper.cpp/CMakeLists.txt": b"project(whisper)",
    "pywhispercpp-1/whisper.cpp/src/whisper.cpp": b"int main;",
}


def archive(files: dict[str, bytes]) -> bytes:
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w:gz") as tar:
        for name, body in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
    return memory.getvalue()


def serve_archive(site: Site, body: bytes, *, told: bytes) -> Distribution:
    """Put an archive on the index, as one whose bytes are `told`."""
    digest = Digest(len(told), hashlib.sha256(told).hexdigest())
    url = site.serve("/files/sources.tar.gz", body)
    file = {"filename": "sources.tar.gz", "url": url}
    page = {"files": [{**file, "hashes": {"sha256": digest.sha256}}]}
    site.serve("/sources/", json.dumps(page).encode(), content_type=JSON_TYPE)
    return Distribution("sources", "sources.tar.gz", digest)


def test_whisper_cpp_is_unpacked_and_nothing_else(tmp_path: Path) -> None:
    body = archive(FILES)
    with loopback_site() as site:
        sources = serve_archive(site, body, told=body)
        fetch(sources, tmp_path / "out", site.url, no_progress)
    found = {
        path.relative_to(tmp_path / "out").as_posix(): path.read_bytes()
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    }
    assert found == {
        "CMakeLists.txt": b"project(whisper)",
        "src/whisper.cpp": b"int main;",
    }


def test_a_path_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    body = archive({"pywhispercpp-1/whisper.cpp/../../evil": b"x"})
    with loopback_site() as site:
        sources = serve_archive(site, body, told=body)
        with pytest.raises(tarfile.OutsideDestinationError):
            fetch(sources, tmp_path / "out", site.url, no_progress)
    assert not (tmp_path / "evil").exists()


def test_other_bytes_are_not_unpacked(tmp_path: Path) -> None:
    body = archive(FILES)
    with loopback_site() as site:
        sources = serve_archive(site, body, told=body[:-1] + b"?")
        with pytest.raises(ChecksumMismatch):
            fetch(sources, tmp_path / "out", site.url, no_progress)
    assert list((tmp_path / "out").iterdir()) == []


def test_an_index_without_the_sources_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with loopback_site() as site:
        monkeypatch.setenv("PIP_INDEX_URL", site.url)
        assert main([str(tmp_path / "out")]) == 1
    assert "error: 127.0.0.1" in capsys.readouterr().err


def test_the_sources_are_those_of_the_wheel_that_is_installed() -> None:
    wanted = (ROOT / "pyproject.toml").read_text("utf-8")
    assert f"pywhispercpp=={SOURCES.file_name[13:-7]}" in wanted
