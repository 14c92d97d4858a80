from pathlib import Path

import pytest

from whispercpp_ws.errors import ModelNotInCatalog
from whispercpp_ws.models.atomic import Progress, no_progress
from whispercpp_ws.models.registry import (
    DIRECTORY_VARIABLE,
    default_directory,
    resolve,
)
from whispercpp_ws.models.store import ModelStore


class FakeStore(ModelStore):
    """A store that has everything."""

    def ensure(self, name: str, progress: Progress = no_progress) -> Path:
        return self.directory / name

    def sha256(self, name: str) -> str:
        return "ab" * 32


@pytest.mark.parametrize(
    ("model", "quant", "name", "size"),
    [
        ("base", "q8_0", "base-q8_0", 81_768_585),
        ("base", "f16", "base", 147_951_465),
        ("tiny.en-q5_1", "q8_0", "tiny.en-q5_1", 32_166_155),
    ],
)
def test_a_model_is_resolved(
    tmp_path: Path, model: str, quant: str, name: str, size: int
) -> None:
    spec = resolve(FakeStore(tmp_path), model, quant)
    assert (spec.name, spec.path, spec.size) == (name, tmp_path / name, size)
    assert spec.sha256 == "ab" * 32


def test_an_unknown_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelNotInCatalog):
        resolve(FakeStore(tmp_path), "../../etc/passwd", "q8_0")


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_environment_names_the_directory(empty_folder: Path) -> None:
    assert default_directory({DIRECTORY_VARIABLE: "/m"}) == Path("/m")


def test_a_checkout_keeps_its_own_models(empty_folder: Path) -> None:
    (empty_folder / "models").mkdir()
    assert default_directory({}) == Path("models")


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {}, ".cache/whispercpp-ws/models"),
        ("linux", {"XDG_CACHE_HOME": "/cache"}, "/cache/whispercpp-ws/models"),
        ("darwin", {}, "Library/Caches/whispercpp-ws/models"),
        ("win32", {}, "AppData/Local/whispercpp-ws/models"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/whispercpp-ws/models"),
    ],
)
def test_anywhere_else_it_is_the_cache_of_the_user(
    empty_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    environment: dict[str, str],
    expected: str,
) -> None:
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr(Path, "home", lambda: Path("/home/me"))
    assert default_directory(environment) == Path("/home/me") / expected
