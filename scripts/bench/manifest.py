"""The clips to stream and what is said in them."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from whispercpp_ws.errors import ConfigError


NO_LANGUAGE = "none"
"""Language of a clip in which nobody speaks."""

NEEDED_COLUMNS = frozenset(
    ("set", "id", "path", "seconds", "rate", "channels", "language", "reference")
)

ROOT = Path(__file__).parent.parent.parent
SAMPLE_REFERENCE = (
    "And so, my fellow Americans, ask not what your country can do for you, "
    "ask what you can do for your country."
)


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording."""

    set: str
    id: str
    path: Path
    seconds: float
    rate: int
    channels: int
    language: str
    """ISO 639-1 code, or "none" when nobody speaks."""
    reference: str
    """What is said; empty when nobody speaks or nobody wrote it down."""

    @property
    def key(self) -> str:
        """Name it among all clips; an id is its own only within its set."""
        return f"{self.set}/{self.id}"

    @property
    def is_nonspeech(self) -> bool:
        """Whether every word a server hears in it is invented."""
        return self.language == NO_LANGUAGE and not self.reference

    @property
    def is_scorable(self) -> bool:
        """Whether text about it can be right or wrong."""
        return self.is_nonspeech or bool(self.reference)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which clips of a manifest to take; empty and 0 take all."""

    sets: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    limit_per_set: int = 0
    max_s: float = 0.0
    """Longest clip taken, in seconds."""

    def wants(self, clip: Clip) -> bool:
        """Tell whether a clip fits, the limit aside."""
        return (
            clip.is_scorable
            and (not self.sets or clip.set in self.sets)
            and (not self.languages or clip.language in self.languages)
            and (not self.max_s or clip.seconds <= self.max_s)
        )


def bundled_sample() -> tuple[Clip, ...]:
    """Return the one clip that comes with the repository: 11 s of English."""
    path = ROOT / "tests" / "data" / "jfk.wav"
    return (Clip("sample", "jfk", path, 11.0, 16_000, 1, "en", SAMPLE_REFERENCE),)


def read_manifest(path: Path) -> tuple[Clip, ...]:
    """
    Read a tab-separated manifest with a header line and no quoting.

    Paths in it are relative to its folder.

    Raises:
        ConfigError: the file, a column or a number in it is missing or wrong.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return tuple(_clips(file, path))
    except OSError as error:
        raise ConfigError(
            f"--manifest: expected a file that can be read, got {path} "
            f"({error.strerror})",
            field="manifest",
        ) from error


def select(clips: Iterable[Clip], wanted: Selection) -> tuple[Clip, ...]:
    """
    Return the clips wanted, in their order.

    Raises:
        ConfigError: none is left.
    """
    taken: list[Clip] = []
    count: Counter[str] = Counter()
    for clip in filter(wanted.wants, clips):
        if not wanted.limit_per_set or count[clip.set] < wanted.limit_per_set:
            count[clip.set] += 1
            taken.append(clip)
    if not taken:
        raise ConfigError("no clip of the manifest fits; widen the selection")
    return tuple(taken)


def _clips(lines: Iterable[str], path: Path) -> Iterator[Clip]:
    rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    missing = NEEDED_COLUMNS - set(rows.fieldnames or ())
    if missing:
        raise ConfigError(f"{path}: expected the columns {', '.join(sorted(missing))}")
    for row in rows:
        try:
            yield _clip(row, path.parent)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"{path}: line {rows.line_num}: {error}") from error


def _clip(row: Mapping[str, str], folder: Path) -> Clip:
    return Clip(
        set=row["set"],
        id=row["id"],
        path=folder / row["path"],
        seconds=float(row["seconds"]),
        rate=int(row["rate"]),
        channels=int(row["channels"]),
        language=row["language"] or NO_LANGUAGE,
        reference=row["reference"] or "",
    )
