from dataclasses import replace
from pathlib import Path

import pytest

from scripts.bench.recordings import (
    Segment,
    clip_recording,
    read_segments,
    segment_recordings,
)
from scripts.bench.word_sources import Decoders
from tests.scripts.bench.lines import JFK, clip
from whispercpp_ws.engines.scripted import ScriptedEngine


SPEECH = replace(clip(said="x"), seconds=11.0)


@pytest.fixture
def decoders() -> Decoders:
    words = tuple(f"word{number}" for number in range(60))
    return Decoders(ScriptedEngine(words), ScriptedEngine(words))


def test_the_words_at_the_longest_pauses_are_asked_for(decoders: Decoders) -> None:
    found = clip_recording(decoders, SPEECH)
    assert len(found.pauses) >= 3
    assert len(found.marks) == 3
    shortest = min(mark.pause.end_s - mark.pause.start_s for mark in found.marks)
    others = set(found.pauses) - {mark.pause for mark in found.marks}
    assert all(pause.end_s - pause.start_s <= shortest for pause in others)


def test_a_long_recording_is_cut_where_its_segments_meet() -> None:
    segments = (Segment(3.3, 4.3, "Ask not."), Segment(5.4, 7.5, "What your country"))
    (found,) = segment_recordings(SPEECH, segments)
    assert found.sound.seconds == pytest.approx(4.2)
    assert len(found.sound.pcm) == round(4.2 * 16_000) * 2
    (mark,) = found.marks
    assert (mark.before, mark.after) == (("ask", "not"), ("what", "your", "country"))
    assert mark.pause.start_s == pytest.approx(4.32 - 3.3, abs=0.03)
    assert mark.pause.end_s == pytest.approx(5.42 - 3.3, abs=0.03)


def test_windows_hold_whole_segments() -> None:
    segments = [Segment(4.0 * n, 4.0 * n + 3.9, f"{n}") for n in range(10)]
    long = replace(SPEECH, more=(JFK, JFK, JFK))
    found = segment_recordings(long, segments)
    assert [round(one.sound.seconds, 1) for one in found] == [23.9, 15.9]


def test_segments_are_read_from_beside_the_recording(tmp_path: Path) -> None:
    path = tmp_path / "long.segments.tsv"
    path.write_text('start\tend\tspeaker\tutt\ttext\n0.5\t2\ts\tu\tsay "this\n')
    assert read_segments(path) == (Segment(0.5, 2.0, 'say "this'),)
