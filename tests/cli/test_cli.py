"""The command line reports errors in one sentence and leaves with a status."""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from whispercpp_ws import __version__, cli
from whispercpp_ws.cli import COMMANDS, EXIT_USAGE, HIDDEN_COMMANDS, main
from whispercpp_ws.errors import NoSpace


def running(action: Callable[[], int]) -> SimpleNamespace:
    """Make a command module whose command does `action`."""

    def add_parser(
        subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
    ) -> None:
        parser = subparsers.add_parser("doctor")
        parser.set_defaults(run=lambda _args: action())

    return SimpleNamespace(add_parser=add_parser)


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], int]], None]:
    def replace(action: Callable[[], int]) -> None:
        monkeypatch.setitem(
            sys.modules,
            "whispercpp_ws.cli.doctor",
            running(action),
        )

    return replace


Install = Callable[[Callable[[], int]], None]


def raising(error: BaseException) -> Callable[[], int]:
    def action() -> int:
        raise error

    return action


def test_the_status_is_that_of_the_command(install: Install) -> None:
    install(lambda: 7)
    assert main(["doctor"]) == 7


def test_an_error_is_one_sentence_and_status_one(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install(raising(NoSpace("the disk is full")))
    assert main(["doctor"]) == 1
    assert capsys.readouterr().err == "whispercpp-ws: the disk is full\n"


def test_ctrl_c_is_status_130(install: Install) -> None:
    install(raising(KeyboardInterrupt()))
    assert main(["doctor"]) == 130


def test_a_closed_pipe_is_quiet() -> None:
    command = [sys.executable, "-m", "whispercpp_ws", "models", "list"]
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert process.returncode == 1
    assert process.stderr == b""


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out == f"whispercpp-ws {__version__}\n"


def test_the_arguments_of_the_process_are_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.argv", ["whispercpp-ws", "--version"])
    with pytest.raises(SystemExit):
        main()


def test_no_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([])
    assert left.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


def test_help_lists_every_command_but_the_hidden(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert all(
        f"\n    {name} " in text or f"\n    {name}\n" in text for name in COMMANDS
    )
    assert not any(name in text for name in HIDDEN_COMMANDS)


@pytest.mark.parametrize("command", [*COMMANDS, *HIDDEN_COMMANDS])
def test_every_command_explains_itself(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    assert f"usage: whispercpp-ws {command}" in capsys.readouterr().out


def test_help_imports_no_large_library() -> None:
    code = (
        "import sys; from whispercpp_ws.cli import main\n"
        "try: main(['--help'])\n"
        "finally: sys.exit(bool({'numpy', 'aiohttp', 'soxr'} & set(sys.modules)))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True).returncode
        == 0
    )


def test_the_package_runs_as_a_module() -> None:
    command = [sys.executable, "-m", cli.__name__.partition(".")[0], "--version"]
    output = subprocess.run(command, capture_output=True, check=True).stdout
    assert output.decode() == f"whispercpp-ws {__version__}\n"


@pytest.mark.parametrize(
    "words",
    [
        "serve --port http",
        "transcribe a.wav --model bse",
        "transcribe - --format mp3",
        "stream - --rate 1",
        "stream a.wav --lang English",
        "stream - -",
        "mic --lang English",
        "models fetch bse",
        "completion csh",
        "stream",
    ],
)
def test_what_was_asked_wrongly_has_status_2(words: str) -> None:
    # argparse leaves by itself, the rest is found by the command.
    try:
        assert main(words.split()) == EXIT_USAGE
    except SystemExit as left:
        assert left.code == EXIT_USAGE
