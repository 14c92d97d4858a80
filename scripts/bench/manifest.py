"""The clips to stream and what is said in them."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path

from whispercpp_ws.errors import ConfigError


NO_LANGUAGE = "none"
"""Language of a clip in which nobody speaks."""

GAP_S = 0.7
"""Silence between recordings that are joined: as between the sentences of a reader."""

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
    more: tuple[Path, ...] = ()
    """Recordings that follow in the same session, each after a silence."""

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


def joined(clips: Sequence[Clip], *, minutes: float) -> tuple[Clip, ...]:
    """
    Return one recording of at least so many minutes for each language and rate.

    It is made of the clips with speech in their order, over and over; 0 minutes
    return the clips as they are.

    Raises:
        ConfigError: nobody speaks in any of them.
    """
    if not minutes:
        return tuple(clips)
    groups: dict[tuple[str, int, int], list[Clip]] = {}
    for clip in clips:
        if clip.reference:
            kind = (clip.language, clip.rate, clip.channels)
            groups.setdefault(kind, []).append(clip)
    if not groups:
        raise ConfigError("--session-minutes: expected clips in which someone speaks")
    return tuple(_joined(group, 60 * minutes) for group in groups.values())


def _joined(clips: Sequence[Clip], least_s: float) -> Clip:
    taken, seconds = [clips[0]], clips[0].seconds
    for clip in islice(cycle(clips), 1, None):
        if seconds >= least_s:
            break
        taken.append(clip)
        seconds += GAP_S + clip.seconds
    first = clips[0]
    return replace(
        first,
        id=f"{first.id}-and-{len(taken) - 1}-more",
        seconds=seconds,
        reference=" ".join(clip.reference for clip in taken),
        more=tuple(clip.path for clip in taken[1:]),
    )


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
