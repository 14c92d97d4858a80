import json
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.bench import report
from scripts.bench.audio import SpeechBounds
from scripts.bench.costs import CpuSplit, Redundancy
from scripts.bench.designs import DesignScore
from scripts.bench.longrun import LongRun
from scripts.bench.run import Load, MemoryAt
from scripts.bench.scores import ClipRun, Spread, score_clip, score_sets
from scripts.bench.timeline import Timeline
from tests.scripts.bench.lines import clip, final, shown
from whispercpp_ws.engines.whispercpp.library import OVERRIDE_VARIABLE


RUN = ClipRun(
    clip(said="well done"),
    SpeechBounds(0.5, 1.5),
    Timeline(shown=(shown(1.5, "well", "well"),), settled=(final(2.0, "well done"),)),
)


LOAD = Load(
    wall_s=9.0,
    audio_s=2.0,
    speech_s=1.5,
    cpu_s=1.0,
    most_memory_bytes=300_000_000,
    counters={
        "final_seconds.endpoint.count": 2.0,
        "final_seconds.endpoint.sum": 1.2,
        "final_seconds.queue.sum": 0.0,
        "final_seconds.decode.sum": 0.5,
    },
)


@pytest.fixture
def whole() -> report.Report:
    scores = [score_clip(RUN, "well")]
    return report.Report(
        about=report.About("ours, base", "a machine", "a build", "today", 1, 600),
        load=replace(LOAD, cpu=CpuSplit(0.1, 0.2, 0.05, 0.0, 0.01, 0.1, 0.04)),
        sets=score_sets(scores, 0.6),
        clips=scores,
        redundancy=Redundancy(partials=3.0, finals=1.25),
        offline_cpu_per_audio_s=0.5,
    )


def test_the_table_has_a_row_for_each_set(whole: report.Report) -> None:
    row = next(
        line for line in report.markdown(whole).splitlines() if "| some |" in line
    )
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    found = dict(zip(report.COLUMNS, cells, strict=True))
    assert (found["WER %"], found["offline"], found["dWER"]) == ("0.0", "50.0", "-50.0")
    assert found["first partial s"] == "1.00/1.00"
    assert found["stable retracted"] == "0"


def test_the_text_names_server_machine_build_and_date(whole: report.Report) -> None:
    text = report.markdown(whole)
    for part in ("ours, base", "a machine", "a build", "today", "0.50 s per second"):
        assert part in text


def test_without_the_offline_reference_its_cells_are_dashes() -> None:
    sets = score_sets([score_clip(RUN)], 0.6)
    about = report.About("ours", "m", "b", "d", 1, 600)
    text = report.markdown(report.Report(about, LOAD, sets, []))
    assert "| 0.0 | – | – |" in text
    assert "offline reference" not in text


def test_cpu_and_encoder_work_are_told_by_what_they_were_for(
    whole: report.Report,
) -> None:
    text = report.markdown(whole)
    assert "partial 0.100, speculative 0.200, final 0.050" in text
    assert "(ρ): 4.25; partials 3.00, finals 1.25." in text
    assert "endpoint 0.60 s, then in the queue 0.00 s and for decodes 0.25 s" in text


def test_a_server_that_counts_nothing_has_no_split() -> None:
    about = report.About("other", "m", "b", "d", 1, 600)
    load = replace(LOAD, counters={})
    text = report.markdown(report.Report(about, load, [], []))
    assert "CPU 0.50 s per second of clip" in text
    assert "Finals waited" not in text
    assert "by what it was for" not in text


def test_totals_of_languages_come_after_the_sets(whole: report.Report) -> None:
    total = replace(whole.sets[0], set="all", clips=7)
    lines = report.markdown(replace(whole, languages=[total])).splitlines()
    rows = [line[:18] for line in lines if line.startswith("| ")][2:]
    assert rows == ["| some | en | 1 | ", "| all | en | 7 | 2"]


def test_designs_are_compared_where_they_were_replayed(whole: report.Report) -> None:
    spread = Spread(1.0, 2.0, 3)
    cheap = DesignScore("replay", 9.0, 0.5, Redundancy(4.0, 1.0), spread, spread)
    dear = replace(cheap, name="padded", cpu_per_speech_s=3.0, redundancy=None)
    text = report.markdown(replace(whole, designs=(cheap, dear)))
    assert "| replay | 9.0 | 0.50 | 1.0 | 5.0 | 1.00/2.00 | 1.00/2.00 |" in text
    assert "| padded | 9.0 | 3.00 | 6.0 | – | 1.00/2.00 | 1.00/2.00 |" in text
    assert "| padded |" not in report.markdown(whole)


def test_long_recordings_have_a_table_of_their_own(whole: report.Report) -> None:
    run = LongRun("some/long", 13.5, 80, 0.8, 0.82, 0.002, 0, 5, None)
    memory = tuple(MemoryAt(float(at_s), 50_000 * at_s) for at_s in range(60))
    load = replace(whole.load, memory=memory)
    text = report.markdown(replace(whole, long=[run], load=load))
    assert "| some/long | 13.5 | 80 | 0.80 | 0.82 | +2.0 | 0 | 5 of 5 | – |" in text
    assert "Memory: +3.00 MB per minute" in text
    assert "long recording" not in report.markdown(whole)


def test_everything_is_written(whole: report.Report, tmp_path: Path) -> None:
    report.write(whole, [RUN], tmp_path / "out")
    told = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    lines = json.loads((tmp_path / "out" / "timelines.json").read_text("utf-8"))
    assert told["clips"][0]["text"] == "well done"
    assert lines["some/one"]["settled"][0]["at_s"] == 2.0
    assert (tmp_path / "out" / "report.md").read_text("utf-8").startswith("**ours")


def test_a_library_that_is_not_the_wheels_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(OVERRIDE_VARIABLE, "libwhisper.so")
    assert "built here" in report.build_name()
    monkeypatch.delenv(OVERRIDE_VARIABLE)
    assert "built here" not in report.build_name()


def test_machine_build_and_date_are_known() -> None:
    assert "CPUs" in report.machine_name()
    assert "libwhisper" in report.build_name()
    assert report.now().endswith("UTC")
