"""A small report of the benchmark."""

from pathlib import Path

from scripts.bench import report
from scripts.bench.audio import SpeechBounds
from scripts.bench.costs import Redundancy
from scripts.bench.designs import DesignScore
from scripts.bench.run import Load
from scripts.bench.scores import (
    ClipRun,
    ClipScore,
    Spread,
    score_clip,
    score_languages,
    score_sets,
)
from scripts.bench.timeline import Timeline
from tests.scripts.bench.lines import clip, final, shown


def scored(*, set_name: str, language: str = "en", said: str = "a b") -> ClipScore:
    timeline = Timeline(shown=(shown(1.5, "a", "a"),), settled=(final(2.0, "a b"),))
    bounds = SpeechBounds(0.5, 1.5) if said else None
    heard = clip(set_name=set_name, language=language, said=said)
    return score_clip(ClipRun(heard, bounds, timeline), "a x" if said else None)


def write_report(folder: Path, server: str = "ours") -> Path:
    """Write one with two sets in English and one in which nobody speaks."""
    scores = [
        scored(set_name="one"),
        scored(set_name="two"),
        scored(set_name="noise", language="none", said=""),
    ]
    spread = Spread(1.0, 2.0, 3)
    designs = [DesignScore("replay", 9.0, 0.5, None, spread, spread)]
    done = report.Report(
        about=report.About(server, "a machine", "a build", "today", 1, 600),
        load=Load(9.0, 10.0, 5.0, 4.0, 300_000_000, {}),
        sets=score_sets(scores, 0.6),
        clips=scores,
        languages=score_languages(scores, 0.6),
        redundancy=Redundancy(3.0, 1.0),
        designs=designs,
    )
    report.write(done, [], folder)
    return folder / "report.json"
