"""The soak of `scripts.bench.soak`, on the scripted engine for some seconds."""

import math
import re

import pytest

from scripts.bench import soak
from scripts.bench.soak import Sample, main, report, slope, value


def test_a_line_through_memory_has_a_slope_and_an_error() -> None:
    times_s = [0.0, 900.0, 1800.0, 2700.0, 3600.0]
    steady = slope(times_s, [100.0, 101.0, 102.0, 103.0, 104.0])
    assert steady.mb_per_h == pytest.approx(4.0)
    assert steady.error_mb_per_h == pytest.approx(0.0, abs=1e-9)
    assert not steady.is_noise
    noisy = slope(times_s, [100.0, 104.0, 99.0, 105.0, 101.0])
    assert noisy.is_noise
    assert "within noise" in str(noisy)


def test_what_is_alike_from_sample_to_sample_makes_a_slope_less_certain() -> None:
    times_s = [5.0 * number for number in range(80)]
    shaken = [100.0 + number % 2 for number in range(80)]
    in_steps = [100.0 + (number // 20) % 2 for number in range(80)]
    assert slope(times_s, in_steps).error_mb_per_h > (
        2 * slope(times_s, shaken).error_mb_per_h
    )


def test_a_number_is_read_from_the_metrics() -> None:
    text = "# TYPE tasks gauge\ntasks 7.0\ntasks_total 9.0\n"
    assert value(text, "tasks") == 7.0
    assert math.isnan(value(text, "threads"))


def taken(at_s: float, gateway_mb: float, *, tasks: float = 5.0) -> Sample:
    return Sample(at_s, gateway_mb, 300.0, 2, 20, tasks, 0.0)


def test_a_report_leaves_the_warming_up_out() -> None:
    during = [taken(float(at_s), 60.0 + (10.0 if at_s > 1 else 0)) for at_s in range(9)]
    lines = report(taken(0.0, 60.0), during, taken(10.0, 69.0, tasks=6.0))
    assert lines[0] == (
        "gateway: 60 MB before, 70 in the end, 69 after; +0.0 ± 0.0 MB/h, within noise"
    )
    assert lines[2] == "tasks: 5 before, 6 after"


@pytest.mark.timeout(120)
def test_clients_come_and_go_and_leave_nothing_behind(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soak, "ENDINGS", ("end", "close", "resume", "vanish"))
    flags = ["--engine", "scripted", "--max-load", "100", "--resume-grace", "1"]
    times = ["--minutes", "0.1", "--every", "1", "--settle", "2.5", "--clients", "3"]
    assert main([*times, "--", *flags]) == 0
    text = capsys.readouterr().out
    assert "broken" not in text
    assert int(re.findall(r"^(\d+) sessions", text)[0]) >= 3
    for what in ("tasks", "threads", "open files"):
        before, after = re.findall(rf"{what}: (\d+) before, (\d+) after", text)[0]
        assert abs(int(after) - int(before)) <= 2, what
    assert "sessions left: 0" in text
