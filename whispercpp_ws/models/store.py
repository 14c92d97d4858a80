"""
The directory with the model files, shared by processes.

    ggml-base-q8_0.bin             a model, whole and checked
    .ggml-base-q8_0.bin.verified   its SHA-256, with the size and time it was read at
    .incoming/                     everything unfinished
    .lock                          held while the directory is changed
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from whispercpp_ws.engines.whispercpp.model_file import read_layout
from whispercpp_ws.errors import (
    BadModelFile,
    ChecksumMismatch,
    DownloadFailed,
    ModelError,
    ModelNotFetched,
    NotConvertible,
)
from whispercpp_ws.models import quantize as quantizing
from whispercpp_ws.models.atomic import (
    Progress,
    check,
    full_disk_as_no_space,
    no_progress,
    publish,
    require_space,
    sha256_of,
)
from whispercpp_ws.models.catalog import ModelEntry, ModelKind, all_entries, find
from whispercpp_ws.models.download import Downloader
from whispercpp_ws.models.lock import held
from whispercpp_ws.models.sources import (
    Source,
    configured_sources,
    deliver_from,
    digest_of,
)


logger = logging.getLogger(__name__)

LOCK_WAIT_S = 600.0
"""A base model at 2 Mbit/s; larger ones are worth a second try."""


class ModelStore:
    """Model files by catalogue name; every method may be called from any process."""

    def __init__(
        self,
        directory: Path,
        *,
        sources: Sequence[Source] | None = None,
        lock_wait_s: float = LOCK_WAIT_S,
    ) -> None:
        self.directory = directory
        self._sources = sources
        self._lock_wait_s = lock_wait_s

    def path(self, name: str) -> Path:
        """
        Return where a model is, after a look at its size only.

        Raises:
            ModelNotInCatalog: there is no such name.
            ModelNotFetched: it is not there whole; the message has the command.
        """
        entry = find(name)
        path = self._path(entry)
        size = path.stat().st_size if path.is_file() else None
        if size != entry.size:
            got = "no file" if size is None else f"{size} bytes"
            raise ModelNotFetched(
                f"{path}: expected {entry.size} bytes, got {got}; "
                f"run: whispercpp-ws models fetch {name}"
            )
        return path

    def installed(self) -> tuple[ModelEntry, ...]:
        """Return the entries whose file is there with the right size."""
        return tuple(entry for entry in all_entries() if self._has(entry))

    def ensure(self, name: str, progress: Progress = no_progress) -> Path:
        """
        Return a model's checked file, fetching or quantising it if need be.

        A file seen before is checked by size and time, any other by its checksum; a
        damaged one is replaced.

        Raises:
            ModelError: it cannot be had.
        """
        entry = find(name)
        if not self._sound(entry):
            with self._locked():
                # Another process may have made it while this one waited.
                if not self._sound(entry):
                    self._make(entry, progress)
        return self._path(entry)

    def fetch(self, name: str, progress: Progress = no_progress) -> Path:
        """Get a model anew even if it is there; raises as `ensure` does."""
        entry = find(name)
        with self._locked():
            self._make(entry, progress)
        return self._path(entry)

    def quantize(self, name: str, quant: str, progress: Progress = no_progress) -> Path:
        """
        Make a quantised form of a model that is there.

        Raises:
            ModelNotFetched: the f16 file is not there.
            NotConvertible: the model is quantised already, or is no Whisper model.
        """
        source = find(name)
        if source.quant != "f16" or source.kind is not ModelKind.SPEECH:
            raise NotConvertible(f"expected an f16 model such as base, got {name}")
        entry = find(f"{name}-{quant}")
        self.verify(name)
        with self._locked():
            self._quantize(entry, progress)
        return self._path(entry)

    def verify(self, name: str) -> str:
        """
        Read a whole file and return its SHA-256.

        Raises:
            ModelNotFetched: it is not there.
            ChecksumMismatch: it is damaged.
            BadModelFile: it has no known checksum and is no sound model.
        """
        entry = find(name)
        path = self.path(name)
        check(path, digest_of(entry))
        sha256 = entry.sha256 or sha256_of(path)
        if entry.sha256 is None:
            self._check_unpublished(entry, sha256)
        self._remember(entry, sha256)
        return sha256

    def sha256(self, name: str) -> str:
        """Return a file's SHA-256, from its last check if it has not changed since."""
        return self._remembered(find(name)) or self.verify(name)

    def remove(self, name: str) -> None:
        """
        Delete a model and what is left of unfinished attempts at it.

        Raises:
            ModelNotFetched: there is nothing to delete.
        """
        entry = find(name)
        files = [self._path(entry), self._stamp(entry)]
        files += self._incoming.glob(f"{entry.file_name}*")
        if not any(file.exists() for file in files):
            raise ModelNotFetched(f"{self._path(entry)}: expected a file, found none")
        with self._locked():
            for file in files:
                file.unlink(missing_ok=True)

    @property
    def _incoming(self) -> Path:
        return self.directory / ".incoming"

    def _path(self, entry: ModelEntry) -> Path:
        return self.directory / entry.file_name

    def _stamp(self, entry: ModelEntry) -> Path:
        return self.directory / f".{entry.file_name}.verified"

    def _has(self, entry: ModelEntry) -> bool:
        try:
            self.path(entry.name)
        except ModelNotFetched:
            return False
        return True

    def _sound(self, entry: ModelEntry) -> bool:
        return self._path(entry).exists() and not self._flaw(entry)

    def _flaw(self, entry: ModelEntry) -> str:
        """Say what is wrong with a file that is there; empty when it is sound."""
        try:
            self.sha256(entry.name)
        except (ModelNotFetched, ChecksumMismatch, BadModelFile) as error:
            return str(error)
        return ""

    def _make(self, entry: ModelEntry, progress: Progress) -> None:
        if self._path(entry).exists() and (flaw := self._flaw(entry)):
            logger.warning("%s; it will be replaced", flaw)
        downloader = Downloader(progress)
        if entry.name == entry.base:
            self._deliver(entry, downloader, progress)
            return
        source = find(entry.base)
        if not self._sound(source):
            if self._delivered_quantised(entry, downloader, progress):
                return
            self._deliver(source, downloader, progress)
        self._quantize(entry, progress)

    def _delivered_quantised(
        self, entry: ModelEntry, downloader: Downloader, progress: Progress
    ) -> bool:
        """Try the published quantised file: half the download of the f16 one."""
        if not entry.published:
            return False
        try:
            self._deliver(entry, downloader, progress)
        except DownloadFailed as error:
            logger.info("%s; making it from %s", error, entry.base)
            return False
        return True

    def _deliver(
        self, entry: ModelEntry, downloader: Downloader, progress: Progress
    ) -> None:
        sources = self._sources
        if sources is None:
            sources = configured_sources()
        temporary = self._incoming / f"{entry.file_name}.new"
        deliver_from(sources, entry, temporary, downloader, progress)
        if entry.kind is ModelKind.SPEECH:
            read_layout(temporary)
        self._finish(entry, temporary, entry.sha256 or sha256_of(temporary))

    def _quantize(self, entry: ModelEntry, progress: Progress) -> None:
        temporary = self._incoming / f"{entry.file_name}.new"
        source = self._path(find(entry.base))
        require_space(self._incoming, entry.size)
        with full_disk_as_no_space(self._incoming):
            quantizing.quantize(source, temporary, entry.quant, progress)
        check(temporary, digest_of(entry))
        self._finish(entry, temporary, entry.sha256 or sha256_of(temporary))

    def _finish(self, entry: ModelEntry, temporary: Path, sha256: str) -> None:
        publish(temporary, self._path(entry))
        self._remember(entry, sha256)

    def _check_unpublished(self, entry: ModelEntry, sha256: str) -> None:
        made = _recorded(self._stamp(entry))
        if made and made[0] != sha256:
            raise ChecksumMismatch(
                f"{self._path(entry)}: expected sha256 {made[0]} as when it was "
                f"made here, got {sha256}"
            )
        read_layout(self._path(entry))

    def _remembered(self, entry: ModelEntry) -> str | None:
        """Return the SHA-256 of the last check, if the file is still the same."""
        path = self.path(entry.name)
        recorded = _recorded(self._stamp(entry))
        if recorded[1:] != _identity(path):
            return None
        return recorded[0] if entry.sha256 in (None, recorded[0]) else None

    def _remember(self, entry: ModelEntry, sha256: str) -> None:
        line = " ".join((sha256, *_identity(self._path(entry))))
        # Where the models are read-only, they are read again at the next start.
        with suppress(OSError):
            self._stamp(entry).write_text(line + "\n")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._incoming.mkdir(parents=True, exist_ok=True)
            lock = self.directory / ".lock"
            lock.touch()
        except OSError as error:
            raise ModelError(
                f"{self.directory}: expected a directory this process can write to, "
                f"got {error.strerror}"
            ) from error
        with held(lock, wait_s=self._lock_wait_s):
            yield
            with suppress(OSError):  # not empty: something there can be resumed
                self._incoming.rmdir()


def _identity(path: Path) -> tuple[str, str]:
    status = path.stat()
    return str(status.st_size), str(status.st_mtime_ns)


def _recorded(stamp: Path) -> tuple[str, ...]:
    """Return SHA-256, size and time of the last check; empty if there was none."""
    try:
        words = stamp.read_text().split()
    except (OSError, UnicodeDecodeError):
        return ()
    return tuple(words) if len(words) == 3 else ()
