from collections.abc import Sequence
from pathlib import Path

import pytest

from scripts.bench.compared import SERVERS, main
from tests.scripts.bench.reports import write_report


class Runs:
    """Stand in for runs of the benchmark; those of `failing` write no report."""

    def __init__(self, failing: str = "") -> None:
        self.options: list[Sequence[str]] = []
        self._failing = failing

    def __call__(self, options: Sequence[str]) -> int:
        self.options.append(options)
        server, folder = options[1], Path(options[5])
        if server == self._failing:
            return 1
        write_report(folder, server)
        return 0


def test_each_server_is_measured_with_each_number_of_clients(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = Runs()
    flags = ["--clients", "1", "2", "--output", str(tmp_path)]
    assert main([*flags, "--", "--limit", "3", "--", "--max-load", "9"], runs) == 0
    assert [(o[1], o[3]) for o in runs.options] == [
        (server, count) for count in "12" for server in SERVERS
    ]
    assert all(
        options[-5:] == ("--limit", "3", "--", "--max-load", "9")
        for options in runs.options
    )
    said = capsys.readouterr().out
    assert said.count("| en, 2 clips") == 2 * len(SERVERS)
    assert f"{tmp_path}/ours-1/report.json {tmp_path}/" in said


def test_one_that_fails_leaves_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--servers", "ours", "whisper-live", "--output", str(tmp_path)]
    assert main(flags, Runs(failing="whisper-live")) == 1
    said = capsys.readouterr().out
    assert "| ours |" in said and "| whisper-live |" not in said


def test_without_any_report_there_is_no_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--servers", "ours", "--output", str(tmp_path)]
    assert main(flags, Runs(failing="ours")) == 1
    assert capsys.readouterr().out == ""
