"""Windows of recordings, and which words stand at the pauses in them."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from scripts.bench import audio
from scripts.bench.audio import StreamAudio
from scripts.bench.manifest import Clip
from scripts.bench.pauses import Mark, Pause, find_pauses
from scripts.bench.word_sources import Decoders
from scripts.bench.words import plain_words
from whispercpp_ws.decoding import SAMPLE_RATE, Samples
from whispercpp_ws.session.resample import resample


LONGEST_S = 25.0
"""Longest window."""
MOST_PAUSES = 3
"""Of a clip: the longest; each costs two more decodes."""
SEGMENT_PAUSE_S = 0.1
"""Shortest silence between segments: where they meet is known from elsewhere."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One window, and what is known of it."""

    sound: StreamAudio
    language: str
    pauses: tuple[Pause, ...]
    marks: tuple[Mark, ...]

    @property
    def samples(self) -> Samples:
        """Return it as the engine wants it."""
        return _samples(self.sound)


def clip_recording(decoders: Decoders, clip: Clip) -> Recording:
    """Find the pauses of a clip, and which words stand at the longest of them."""
    sound = audio.load(clip, lead_s=0.0, tail_s=0.0)
    pauses = find_pauses(sound)
    longest = sorted(pauses, key=lambda pause: pause.start_s - pause.end_s)
    samples = _samples(sound)
    marks = [
        _mark(decoders, samples, clip.language, pause)
        for pause in longest[:MOST_PAUSES]
    ]
    return Recording(sound, clip.language, pauses, tuple(marks))


def _mark(decoders: Decoders, samples: Samples, language: str, pause: Pause) -> Mark:
    cut = round(pause.middle_s * SAMPLE_RATE)
    sides = (
        plain_words(decoders.plain(side.copy(), language).text)
        for side in (samples[:cut], samples[cut:])
    )
    return Mark(pause, *sides)


@dataclass(frozen=True, slots=True)
class Segment:
    """A line of a `.segments.tsv` beside a long recording."""

    start_s: float
    end_s: float
    text: str


def read_segments(path: Path) -> tuple[Segment, ...]:
    """Read who says what when."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return tuple(
            Segment(float(row["start"]), float(row["end"]), row["text"]) for row in rows
        )


def segment_recordings(clip: Clip, segments: Sequence[Segment]) -> list[Recording]:
    """Cut a long recording into windows of whole segments; marks where two meet."""
    whole = audio.load(clip, lead_s=0.0, tail_s=0.0)
    return [
        _segment_recording(whole, clip.language, group) for group in _windows(segments)
    ]


def _segment_recording(
    whole: StreamAudio, language: str, group: Sequence[Segment]
) -> Recording:
    start_s = group[0].start_s
    sound = _cut(whole, start_s, group[-1].end_s)
    pauses = find_pauses(sound, least_s=SEGMENT_PAUSE_S)
    marks = []
    for index, (one, other) in enumerate(pairwise(group)):
        meets_s = (one.end_s + other.start_s) / 2 - start_s
        before = plain_words(" ".join(s.text for s in group[: index + 1]))
        after = plain_words(" ".join(s.text for s in group[index + 1 :]))
        marks += [
            Mark(pause, before, after)
            for pause in pauses
            if pause.start_s <= meets_s <= pause.end_s
        ]
    return Recording(sound, language, find_pauses(sound), tuple(marks))


def _windows(segments: Iterable[Segment]) -> Iterator[list[Segment]]:
    group: list[Segment] = []
    for segment in segments:
        if group and segment.end_s - group[0].start_s > LONGEST_S:
            yield group
            group = []
        group.append(segment)
    if group:
        yield group


def _cut(sound: StreamAudio, start_s: float, end_s: float) -> StreamAudio:
    frame = 2 * sound.channels
    first, last = (round(at_s * sound.rate) * frame for at_s in (start_s, end_s))
    return replace(sound, pcm=sound.pcm[first:last], seconds=end_s - start_s)


def _samples(sound: StreamAudio) -> Samples:
    return resample(sound.mono(), sound.rate)
