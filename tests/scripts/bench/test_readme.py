from pathlib import Path

import pytest

from scripts.bench.readme import (
    README,
    main,
    read_report,
    with_comparison,
    with_numbers,
)
from tests.scripts.bench.reports import write_report
from whispercpp_ws.errors import ConfigError


PAGE = "# Title\n\n<!-- numbers: by hand -->\nold\n<!-- /numbers -->\n\nThe end.\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_report(tmp_path)


def test_the_numbers_replace_what_stands_between_the_markers(path: Path) -> None:
    text = with_numbers(PAGE, [read_report(path)])
    assert text.startswith("# Title\n\n<!-- numbers: by hand -->\n\n**ours**, 1 client")
    assert text.endswith("<!-- /numbers -->\n\nThe end.\n")
    assert "old" not in text


def test_a_language_with_a_total_is_told_once(path: Path) -> None:
    text = with_numbers(PAGE, [read_report(path)])
    rows = [line for line in text.splitlines() if line.startswith("| en")]
    assert rows == [
        "| en, 2 clips, 0.1 min | 0.0 | -50.0 | 1.00/1.00 | 0.50/0.50 | 0 of 2 |"
    ]
    assert "| nobody speaks, 1 clips, 0.0 min | 2 words |" in text


def test_machine_build_date_and_cost_stand_beside_the_numbers(path: Path) -> None:
    text = with_numbers(PAGE, [read_report(path)])
    assert "endpoint 600 ms. a machine. a build. today." in text
    assert "0.40 CPU seconds for each of audio, 300 MB, ρ 4.0." in text
    assert "Replayed: replay 9.0 % WER at 0.50 CPU s per s of speech." in text


def test_every_report_has_its_table(path: Path) -> None:
    found = read_report(path)
    other = {**found, "about": {**found["about"], "server": "theirs"}}
    text = with_numbers(PAGE, [found, other])
    assert text.index("**ours**") < text.index("**theirs**")


def test_a_second_time_changes_nothing(path: Path) -> None:
    once = with_numbers(PAGE, [read_report(path)])
    assert with_numbers(once, [read_report(path)]) == once


def test_the_file_is_rewritten(path: Path, tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(PAGE, encoding="utf-8")
    assert main([str(path), "--readme", str(page)]) == 0
    assert "| en, 2 clips" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("body", [None, "no json", "[]", '{"about": 1}'])
def test_what_is_no_report_is_said(
    body: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "report.json"
    if body is not None:
        path.write_text(body, encoding="utf-8")
    assert main([str(path), "--readme", str(README)]) == 1
    assert "expected a report.json" in capsys.readouterr().err


def test_a_page_without_the_markers_is_said(path: Path) -> None:
    with pytest.raises(ConfigError, match="markers"):
        with_numbers("# Title", [read_report(path)])


def test_servers_that_are_compared_have_a_line_each(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    other = read_report(write_report(folder, "theirs"))
    page = "<!-- compared: by hand -->\n<!-- /compared -->\n"
    text = with_comparison(page, [read_report(path), other])
    rows = [line for line in text.splitlines() if "| en, 2 clips" in line]
    said = "1 | en, 2 clips, 0.1 min | 0.0 | 1.00/1.00 | 0.50/0.50 | 0 | 0.40 | 300 |"
    assert rows == [f"| ours | {said}", f"| theirs | {said}"]
    assert "a machine.\na build.\ntoday." in text


def test_our_own_page_has_the_markers(path: Path) -> None:
    text = README.read_text(encoding="utf-8")
    assert "**ours**" in with_numbers(text, [read_report(path)])
    assert "| ours | 1 |" in with_comparison(text, [read_report(path)])
