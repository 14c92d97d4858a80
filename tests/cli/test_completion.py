"""Shells complete commands, flags, values and files."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from whispercpp_ws.cli import COMMANDS, main
from whispercpp_ws.cli.completion import SHELLS


# What bash does when Tab is pressed: the words so far, then the function's answers.
PRESS_TAB = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
COMP_LINE="${COMP_WORDS[*]}"; COMP_POINT=${#COMP_LINE}; COMPREPLY=()
name=$(complete -p whispercpp-ws | sed 's/.*-F \\([^ ]*\\).*/\\1/')
"$name" whispercpp-ws "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""

Press = Callable[..., list[str]]


@pytest.fixture
def press_tab(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Press:
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "completion.bash"
    script.write_text(capsys.readouterr().out, encoding="utf-8")

    def press(*words: str) -> list[str]:
        done = subprocess.run(
            ["bash", "-c", PRESS_TAB, "bash", script, "whispercpp-ws", *words],
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    return press


def test_bash_completes_commands(press_tab: Press) -> None:
    assert set(press_tab("")) >= set(COMMANDS)
    assert press_tab("tr") == ["transcribe"]


def test_bash_completes_flags(press_tab: Press) -> None:
    assert press_tab("mic", "--list") == ["--list-devices"]
    assert {"--json", "--fast", "--output-dir"} <= set(press_tab("stream", "--"))


def test_bash_completes_values(press_tab: Press) -> None:
    assert set(press_tab("serve", "--model", "tin")) >= {"tiny", "tiny.en"}
    assert press_tab("serve", "--quant", "q8") == ["q8_0"]
    assert press_tab("completion", "f") == ["fish"]
    assert {"list", "fetch"} <= set(press_tab("models", ""))


def test_bash_completes_files(press_tab: Press, tmp_path: Path) -> None:
    (tmp_path / "talk.wav").touch()
    assert press_tab("stream", "ta") == ["talk.wav"]
    assert press_tab("mic", "--srt", "ta") == ["talk.wav"]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_that_is_here_reads_its_script(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "list-devices" in script
    if shutil.which(shell):
        done = subprocess.run([shell, "-n"], input=script.encode(), capture_output=True)
        assert (done.returncode, done.stderr) == (0, b"")


def test_without_the_extra_one_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 2
    err = capsys.readouterr().err
    assert "pip install 'whispercpp-ws[completion]'" in err
