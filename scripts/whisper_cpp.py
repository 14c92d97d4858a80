"""
Put whisper.cpp's sources into a folder, those that libwhisper was built from.

    python -m scripts.whisper_cpp FOLDER

They come with pywhispercpp's source distribution, whose wheel this package runs on, so
a server that is built from them has the same decoder.
"""

import argparse
import sys
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from whispercpp_ws.errors import SpeechError
from whispercpp_ws.models.atomic import Digest, Progress
from whispercpp_ws.models.download import Downloader
from whispercpp_ws.models.package_index import configured_index, locate
from whispercpp_ws.models.packages import Distribution
from whispercpp_ws.models.sources import INDEX_TIMEOUT_S


SOURCES = Distribution(
    "pywhispercpp",
    "pywhispercpp-1.5.1.tar.gz",
    Digest(
        9_756_087, "5df897e5dd9d9f16804fc937bd85b9f5880a0b29a55f8843585e0e03d76195e5"
    ),
)
INSIDE = PurePosixPath("whisper.cpp")
"""Where whisper.cpp is in the folder that the archive has for everything."""


def main(argv: Sequence[str] | None = None) -> int:
    """Fetch the sources; returns 1 when they cannot be had."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.whisper_cpp",
        description="Put whisper.cpp's sources into a folder.",
    )
    parser.add_argument("folder", type=Path)
    args = parser.parse_args(argv)
    try:
        fetch(SOURCES, args.folder, configured_index(), _say)
    except SpeechError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"whisper.cpp is in {args.folder}")
    return 0


def fetch(sources: Distribution, folder: Path, index: str, progress: Progress) -> None:
    """
    Download the archive and unpack whisper.cpp out of it.

    Raises:
        DownloadFailed, ChecksumMismatch, NoSpace: as `Downloader.file` does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    downloader = Downloader(progress)
    name, digest = sources.file_name, sources.digest
    url = locate(downloader, index, sources.project, name, digest.sha256 or "")
    with TemporaryDirectory(dir=folder, prefix=".archive-") as incoming:
        archive = Path(incoming) / name
        downloader.file(url, archive, digest, timeout_s=INDEX_TIMEOUT_S)
        with tarfile.open(archive) as tar:
            # The filter refuses paths that lead out of the folder.
            tar.extractall(folder, members=_members(tar), filter="data")


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Return what lies in `INSIDE`, with paths from there."""
    for member in tar:
        path = PurePosixPath(*PurePosixPath(member.name).parts[1:])
        if path.is_relative_to(INSIDE) and path != INSIDE:
            yield member.replace(name=str(path.relative_to(INSIDE)), deep=False)


def _say(label: str, done: int, total: int | None) -> None:
    if done == total:
        print(f"  {label}: {done / 1e6:.0f} MB", flush=True)


if __name__ == "__main__":
    sys.exit(main())
