import argparse
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from whispercpp_ws.cli import models
from whispercpp_ws.client.admin import ServedModel
from whispercpp_ws.errors import ConfigError, ModelNotInCatalog
from whispercpp_ws.models.atomic import Progress
from whispercpp_ws.models.catalog import ModelEntry, find


SHA256 = "ab" * 32


@dataclass
class FakeStore:
    """Write down what it is asked."""

    directory: Path = Path("store")
    calls: list[tuple[str, ...]] = field(default_factory=list)

    def installed(self) -> tuple[ModelEntry, ...]:
        return (find("base"), find("tiny.en-q8_0"))

    def ensure(self, name: str, progress: Progress) -> Path:
        self.calls.append(("ensure", name))
        progress(name, 1, 1)
        return self.directory / name

    def fetch(self, name: str, progress: Progress) -> Path:
        self.calls.append(("fetch", name))
        return self.directory / name

    def quantize(self, name: str, quant: str, progress: Progress) -> Path:
        self.calls.append(("quantize", name, quant))
        return self.directory / f"{name}-{quant}"

    def verify(self, name: str) -> str:
        self.calls.append(("verify", name))
        return SHA256

    def sha256(self, name: str) -> str:
        return SHA256

    def remove(self, name: str) -> None:
        self.calls.append(("remove", name))


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> FakeStore:
    fake = FakeStore()

    def open_store(directory: Path) -> FakeStore:
        fake.directory = directory
        return fake

    monkeypatch.setattr(models, "ModelStore", open_store)
    return fake


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    models.add_parser(parser.add_subparsers())
    args = parser.parse_args(["models", *words])
    status: int = args.run(args)
    return status


def test_list_marks_what_is_installed(
    store: FakeStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 71
    marked = [line.split()[1] for line in lines if line.startswith("*")]
    assert marked == ["tiny.en-q8_0", "base"]
    assert lines[-1].split()[-2:] == ["voice", "activity"]


def test_list_can_leave_out_what_is_not_installed(
    store: FakeStore, capsys: pytest.CaptureFixture[str]
) -> None:
    run("list", "--installed")
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_fetch_fetches_each_name(
    store: FakeStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("fetch", "base", "tiny.en-q5_1", "--quant", "q8_0") == 0
    assert store.calls == [("ensure", "base-q8_0"), ("ensure", "tiny.en-q5_1")]
    assert SHA256 in capsys.readouterr().out


def test_fetch_takes_models_as_published_by_default(store: FakeStore) -> None:
    run("fetch", "base")
    assert store.calls == [("ensure", "base")]


def test_fetch_can_be_forced(store: FakeStore) -> None:
    run("fetch", "base", "--force")
    assert store.calls == [("fetch", "base")]


def test_fetch_checks_every_name_before_the_first_download(store: FakeStore) -> None:
    with pytest.raises(ModelNotInCatalog):
        run("fetch", "base", "bass")
    assert store.calls == []


def test_quantize_makes_one_form(store: FakeStore) -> None:
    assert run("quantize", "base", "q5_1") == 0
    assert store.calls == [("quantize", "base", "q5_1")]


def test_verify_checks_all_that_is_installed(store: FakeStore) -> None:
    assert run("verify") == 0
    assert store.calls == [("verify", "base"), ("verify", "tiny.en-q8_0")]


def test_verify_checks_the_named_ones(store: FakeStore) -> None:
    run("verify", "base")
    assert store.calls == [("verify", "base")]


def test_remove_deletes_each_name(store: FakeStore) -> None:
    assert run("remove", "base", "tiny.en") == 0
    assert store.calls == [("remove", "base"), ("remove", "tiny.en")]


@pytest.mark.parametrize("line", ["--models-dir /m list", "list --models-dir /m"])
def test_the_directory_can_be_given_before_and_behind(
    store: FakeStore, line: str
) -> None:
    run(*line.split())
    assert store.directory == Path("/m")


def test_the_default_directory_is_used_otherwise(
    store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHISPERCPP_WS_MODELS_DIR", "/from/environment")
    run("list")
    assert store.directory == Path("/from/environment")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What a running server would be asked; it answers with two models."""
    asked: list[tuple[str, ...]] = []
    served = [ServedModel("base-q8_0", 2, 1, True), ServedModel("tiny", 1, 0, False)]

    async def change(
        url: str, action: str, name: str, *, token: str
    ) -> list[ServedModel]:
        asked.append((url, action, name, token))
        return served

    async def loaded(url: str, *, token: str) -> list[ServedModel]:
        asked.append((url, token))
        return served

    monkeypatch.setattr(models, "change_model", change)
    monkeypatch.setattr(models, "loaded_models", loaded)
    return asked


@pytest.mark.parametrize("action", ["load", "use", "unload"])
def test_a_running_server_is_asked_to_change_its_models(
    asked: list[tuple[str, ...]], action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(action, "tiny", "--url", "http://127.0.0.1:1/") == 0
    assert asked == [("http://127.0.0.1:1", action, "tiny", "")]
    assert capsys.readouterr().out.splitlines() == [
        "* base-q8_0            lanes 2  decodes 1",
        "  tiny                 lanes 1  decodes 0",
    ]


def test_a_token_comes_from_a_file(
    asked: list[tuple[str, ...]], tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("secret\n")
    assert run("loaded", "--admin-token-file", str(file)) == 0
    assert asked == [("http://127.0.0.1:2700", "secret")]
    with pytest.raises(ConfigError, match="cannot be read"):
        run("loaded", "--admin-token-file", str(tmp_path / "none"))
