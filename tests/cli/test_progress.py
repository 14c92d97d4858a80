import io

import pytest

from whispercpp_ws.cli.progress import ProgressBar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_terminal_shows_one_line_that_is_rewritten() -> None:
    terminal, clock = Terminal(), Clock()
    bar = ProgressBar(terminal, clock=clock)
    bar("base", 0, 2_000_000)
    clock.now_s = 1.0
    bar("base", 1_000_000, 2_000_000)
    first, last = terminal.getvalue().split("\r")[1:]
    assert first.startswith("base [....................] 0 %")
    assert last.startswith("base [##########..........] 50 % (1.0 of 2.0 MB)")
    assert "\n" not in terminal.getvalue()


def test_a_terminal_is_not_redrawn_all_the_time() -> None:
    terminal, clock = Terminal(), Clock()
    bar = ProgressBar(terminal, clock=clock)
    for done in range(50):
        bar("base", done, 1000)
    assert terminal.getvalue().count("\r") == 1


def test_the_line_ends_with_the_work() -> None:
    terminal = Terminal()
    ProgressBar(terminal, clock=Clock())("base", 10, 10)
    assert terminal.getvalue().endswith("100 % (0.0 of 0.0 MB)\x1b[K\n")


def test_an_unfinished_line_can_be_ended() -> None:
    terminal = Terminal()
    bar = ProgressBar(terminal, clock=Clock())
    bar("base", 1, 10)
    bar.finish()
    bar.finish()
    assert terminal.getvalue().count("\n") == 1


def test_other_work_gets_another_line() -> None:
    terminal = Terminal()
    bar = ProgressBar(terminal, clock=Clock())
    bar("one", 1, 10)
    bar("two", 1, 10)
    assert [part.split()[0] for part in terminal.getvalue().split("\n")] == [
        "one",
        "two",
    ]


def test_a_log_gets_a_line_for_each_quarter() -> None:
    log = io.StringIO()
    bar = ProgressBar(log, unit="s", scale=1)
    for done in range(101):
        bar("jfk.wav", done, 100)
    assert log.getvalue().splitlines() == [
        f"jfk.wav {percent} % ({percent}.0 of 100.0 s)"
        for percent in (0, 25, 50, 75, 100)
    ]


def test_an_unknown_total_shows_what_is_done() -> None:
    log = io.StringIO()
    bar = ProgressBar(log)
    bar("base", 1_500_000, None)
    bar("base", 2_500_000, None)
    assert log.getvalue() == "base 1.5 MB\n"


def test_it_writes_to_standard_error_by_default(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ProgressBar()("base", 0, None)
    assert capsys.readouterr().err == "base 0.0 MB\n"


def test_a_long_label_does_not_wrap_the_line() -> None:
    terminal = Terminal()
    bar = ProgressBar(terminal, clock=Clock())
    bar("weights" * 10 + ".whl", 147_951_465, 147_951_466)
    assert len(terminal.getvalue().strip("\r").removesuffix("\x1b[K")) < 80
