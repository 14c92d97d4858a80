from pathlib import Path

import pytest

from scripts.bench.audio import SpeechBounds
from scripts.bench.plots import draw
from scripts.bench.scores import ClipRun, score_clip, score_sets
from scripts.bench.timeline import Timeline
from tests.scripts.bench.lines import clip, final, shown


LONG = "and $so my fellow_Americans " * 5


def run_with(partials: int) -> ClipRun:
    texts = tuple(shown(n / 10, LONG, LONG[:120]) for n in range(partials))
    timeline = Timeline(shown=texts, settled=(final(11.5, LONG),), closed_s=12.0)
    return ClipRun(clip(said=LONG), SpeechBounds(0.5, 1.5), timeline)


@pytest.mark.parametrize("offline", [None, LONG])
@pytest.mark.parametrize("partials", [1, 40])
def test_three_pictures_are_drawn(
    tmp_path: Path, partials: int, offline: str | None
) -> None:
    run = run_with(partials)
    scores = [score_clip(run, offline)]
    draw(scores, score_sets(scores, 0.6), run, tmp_path)
    drawn = sorted(path.name for path in tmp_path.iterdir())
    assert drawn == ["latency.png", "timeline.png", "wer.png"]


def test_without_speech_there_is_no_timeline(tmp_path: Path) -> None:
    draw([], [], None, tmp_path)
    assert not (tmp_path / "timeline.png").exists()
