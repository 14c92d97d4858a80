import json
from pathlib import Path

import pytest

from scripts.bench.command import main
from scripts.bench.manifest import SAMPLE_REFERENCE
from tests.scripts.bench.lines import JFK


def test_a_manifest_that_is_missing_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--manifest", str(tmp_path / "none.tsv")]) == 1
    assert "error: --manifest" in capsys.readouterr().err


def test_no_client_at_all_is_refused() -> None:
    with pytest.raises(SystemExit):
        main(["--clients", "0"])


@pytest.mark.model
@pytest.mark.usefixtures("base_model")
def test_the_sample_is_streamed_scored_and_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = tmp_path / "manifest.tsv"
    manifest.write_text(
        "set\tid\tpath\tseconds\trate\tchannels\tlanguage\treference\n"
        f"sample\tjfk\t{JFK}\t11\t16000\t1\ten\t{SAMPLE_REFERENCE}\n"
    )
    assert main(["--manifest", str(manifest), "--output", str(tmp_path / "out")]) == 0
    assert "| sample | en | 1 |" in capsys.readouterr().out
    report = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    (score,) = report["sets"]
    assert score["wer"] < 10
    assert score["stability"]["stable_retractions"] == 0
    assert score["first_partial_s"]["p50"] > 0
    assert (tmp_path / "out" / "timeline.png").stat().st_size > 1_000
