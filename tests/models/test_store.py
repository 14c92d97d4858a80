import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.models.ggml_files import write_model
from whispercpp_ws.errors import (
    BadModelFile,
    ChecksumMismatch,
    DownloadFailed,
    ModelError,
    ModelNotFetched,
    ModelNotInCatalog,
    NotConvertible,
    StoreLocked,
)
from whispercpp_ws.models import store as store_module
from whispercpp_ws.models.atomic import Progress
from whispercpp_ws.models.catalog import ModelEntry, ModelKind, find
from whispercpp_ws.models.download import Downloader
from whispercpp_ws.models.lock import held
from whispercpp_ws.models.quantize import quantize
from whispercpp_ws.models.store import ModelStore


VAD = b"voice activity"


@dataclass(frozen=True)
class Toy:
    """Two sound files, and a catalogue that knows them and one more form."""

    files: dict[str, Path]
    entries: dict[str, ModelEntry]

    def find(self, name: str) -> ModelEntry:
        return self.entries[name] if name in self.entries else find(name)


@dataclass
class ToySource:
    """Deliver the toy files, or fail for those that are withheld."""

    toy: Toy
    withheld: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    label: str = "toy"

    def offers(self, entry: ModelEntry) -> bool:
        return True

    def deliver(
        self, entry: ModelEntry, target: Path, _: Downloader, progress: Progress
    ) -> None:
        self.asked.append(entry.name)
        if entry.name in self.withheld:
            raise DownloadFailed("withheld")
        if entry.name == "toy":
            write_model(target)  # a hole in the disk: quicker than a copy
        else:
            shutil.copyfile(self.toy.files[entry.name], target)


def _entry(path: Path, name: str, base: str, quant: str) -> ModelEntry:
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    size = path.stat().st_size
    return ModelEntry(name, base, quant, size, sha256, published=True)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    folder = tmp_path_factory.mktemp("toy")
    f16, q8_0, q4_0 = (folder / name for name in ("f16", "q8_0", "q4_0"))
    write_model(f16)
    quantize(f16, q8_0, "q8_0")
    quantize(f16, q4_0, "q4_0")
    (folder / "vad").write_bytes(VAD)
    unknown = ModelEntry("toy-q4_0", "toy", "q4_0", q4_0.stat().st_size)
    vad = ModelEntry("vad", "vad", "f16", len(VAD), kind=ModelKind.VAD)
    entries = (
        _entry(f16, "toy", "toy", "f16"),
        _entry(q8_0, "toy-q8_0", "toy", "q8_0"),
        unknown,
        vad,
    )
    return Toy(
        {"toy": f16, "toy-q8_0": q8_0, "vad": folder / "vad"},
        {entry.name: entry for entry in entries},
    )


@pytest.fixture
def source(toy: Toy) -> ToySource:
    return ToySource(toy)


@pytest.fixture
def store(
    toy: Toy, source: ToySource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ModelStore]:
    monkeypatch.setattr(store_module, "find", toy.find)
    monkeypatch.setattr(
        store_module, "all_entries", lambda: tuple(toy.entries.values())
    )
    folder = tmp_path / "models"
    yield ModelStore(folder, sources=[source], lock_wait_s=0)
    assert not (folder / ".incoming").exists(), "something unfinished was left"


def names(store: ModelStore) -> set[str]:
    return {path.name for path in store.directory.glob("ggml-*")}


def test_a_missing_model_says_how_to_fetch_it(store: ModelStore) -> None:
    with pytest.raises(ModelNotFetched, match="whispercpp-ws models fetch toy"):
        store.path("toy")


def test_an_unknown_model_is_refused(store: ModelStore) -> None:
    with pytest.raises(ModelNotInCatalog):
        store.ensure("none")


def test_a_model_is_fetched_once(store: ModelStore, source: ToySource) -> None:
    path = store.ensure("toy")
    assert store.ensure("toy") == path == store.path("toy")
    assert source.asked == ["toy"]
    assert names(store) == {"ggml-toy.bin"}


def test_a_published_quantised_file_is_preferred(
    store: ModelStore, source: ToySource
) -> None:
    store.ensure("toy-q8_0")
    assert source.asked == ["toy-q8_0"]
    assert names(store) == {"ggml-toy-q8_0.bin"}


def test_a_quantised_file_is_made_where_it_cannot_be_had(
    store: ModelStore, source: ToySource, toy: Toy
) -> None:
    source.withheld = {"toy-q8_0"}
    path = store.ensure("toy-q8_0")
    assert path.read_bytes() == toy.files["toy-q8_0"].read_bytes()
    assert source.asked == ["toy-q8_0", "toy"]


def test_a_quantised_file_is_made_from_what_is_here(
    store: ModelStore, source: ToySource
) -> None:
    store.ensure("toy")
    store.ensure("toy-q8_0")
    assert source.asked == ["toy"]


def test_a_form_that_is_not_published_is_not_asked_for(
    store: ModelStore, source: ToySource
) -> None:
    store.ensure("toy-q4_0")
    assert source.asked == ["toy"]
    assert {entry.name for entry in store.installed()} == {"toy", "toy-q4_0"}


def test_a_voice_activity_model_is_fetched(store: ModelStore) -> None:
    assert store.ensure("vad").read_bytes() == VAD


def test_a_model_nobody_has_is_an_error(store: ModelStore, source: ToySource) -> None:
    source.withheld = {"toy"}
    with pytest.raises(DownloadFailed, match="model toy cannot be fetched"):
        store.ensure("toy")
    (store.directory / ".incoming").rmdir()


def test_fetch_fetches_again(store: ModelStore, source: ToySource) -> None:
    store.fetch("toy")
    store.fetch("toy")
    assert source.asked == ["toy", "toy"]


def test_quantize_makes_a_form(store: ModelStore, toy: Toy) -> None:
    store.ensure("toy")
    path = store.quantize("toy", "q8_0")
    assert path.read_bytes() == toy.files["toy-q8_0"].read_bytes()


def test_quantize_needs_the_model(store: ModelStore) -> None:
    with pytest.raises(ModelNotFetched):
        store.quantize("toy", "q8_0")


@pytest.mark.parametrize("name", ["toy-q8_0", "vad"])
def test_only_f16_speech_models_are_quantised(store: ModelStore, name: str) -> None:
    with pytest.raises(NotConvertible, match="expected an f16 model"):
        store.quantize(name, "q8_0")


def damage(path: Path) -> None:
    """Change the last byte; the size stays."""
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"x")
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize("name", ["toy", "toy-q8_0", "toy-q4_0"])
def test_verify_finds_damage(store: ModelStore, name: str) -> None:
    path = store.ensure(name)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert store.verify(name) == store.sha256(name) == sha256
    damage(path)
    with pytest.raises(ChecksumMismatch, match="expected sha256"):
        store.verify(name)


def test_a_damaged_file_is_replaced(
    store: ModelStore, source: ToySource, caplog: pytest.LogCaptureFixture
) -> None:
    damage(store.ensure("toy"))
    store.ensure("toy")
    assert source.asked == ["toy", "toy"]
    assert "it will be replaced" in caplog.text


def test_a_file_of_another_size_is_replaced(
    store: ModelStore, source: ToySource, caplog: pytest.LogCaptureFixture
) -> None:
    store.directory.mkdir()
    (store.directory / "ggml-toy.bin").write_bytes(b"half")
    with pytest.raises(ModelNotFetched, match="got 4 bytes"):
        store.path("toy")
    store.ensure("toy")
    assert source.asked == ["toy"]
    assert "got 4 bytes" in caplog.text


def test_a_file_added_by_hand_is_checked_and_used(
    store: ModelStore, source: ToySource, toy: Toy
) -> None:
    store.directory.mkdir()
    added = store.directory / "ggml-toy.bin"
    added.write_bytes(toy.files["toy"].read_bytes())
    assert store.ensure("toy") == added
    assert source.asked == []


def test_a_form_without_known_checksum_must_be_a_model(
    store: ModelStore, toy: Toy
) -> None:
    store.directory.mkdir()
    added = store.directory / "ggml-toy-q4_0.bin"
    added.write_bytes(bytes(toy.entries["toy-q4_0"].size))
    with pytest.raises(BadModelFile):
        store.verify("toy-q4_0")


@pytest.mark.parametrize("stamp", [b"", b"00 1 2\n", b"\xff\xfe", b"one two"])
def test_a_torn_stamp_means_reading_again(store: ModelStore, stamp: bytes) -> None:
    store.ensure("toy")
    (store.directory / ".ggml-toy.bin.verified").write_bytes(stamp)
    assert store.sha256("toy") == store.verify("toy")


def test_a_stamp_of_other_bytes_is_not_believed(store: ModelStore) -> None:
    sha256 = store.sha256(store.ensure("toy").stem.removeprefix("ggml-"))
    stamp = store.directory / ".ggml-toy.bin.verified"
    stamp.write_text(stamp.read_text().replace(sha256, "00"))
    assert store.sha256("toy") == sha256


def test_remove_deletes_the_model_and_its_traces(store: ModelStore) -> None:
    store.ensure("toy")
    store.remove("toy")
    assert [path.name for path in store.directory.iterdir()] == [".lock"]
    with pytest.raises(ModelNotFetched, match="found none"):
        store.remove("toy")


def test_remove_deletes_what_was_unfinished(store: ModelStore) -> None:
    (store.directory / ".incoming").mkdir(parents=True)
    (store.directory / ".incoming" / "ggml-toy.bin.new.part").touch()
    store.remove("toy")


def test_a_store_in_use_is_locked(store: ModelStore) -> None:
    store.directory.mkdir()
    with (
        held(store.directory / ".lock", wait_s=0),
        pytest.raises(StoreLocked, match="try again later"),
    ):
        store.ensure("toy")
    (store.directory / ".incoming").rmdir()


def test_a_model_made_while_waiting_is_not_made_again(
    store: ModelStore, source: ToySource, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = ModelStore(store.directory, sources=[source])

    def held_after_another(lock: Path, *, wait_s: float) -> object:
        monkeypatch.setattr(store_module, "held", held)
        other.ensure("toy")
        return held(lock, wait_s=wait_s)

    monkeypatch.setattr(store_module, "held", held_after_another)
    store.ensure("toy")
    assert source.asked == ["toy"]
    store.fetch("vad")


def test_a_read_only_store_is_used_as_it_is(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = store.ensure("toy")
    (store.directory / ".ggml-toy.bin.verified").unlink()

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_text", refuse)
    monkeypatch.setattr(Path, "touch", refuse)
    assert store.ensure("toy") == path


def test_a_directory_that_cannot_be_written_says_so(toy: Toy, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="expected a directory this process can write"):
        ModelStore(tmp_path / "file").fetch("base")


def test_the_configured_sources_are_the_default(
    store: ModelStore, source: ToySource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "configured_sources", lambda: [source])
    ModelStore(store.directory).ensure("vad")
    assert source.asked == ["vad"]
