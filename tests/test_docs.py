"""The documents say what the code does."""

import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.compatibility import compatibility_table
from tests.scripted_server import END, FINAL, playing, serving
from whispercpp_ws import __version__
from whispercpp_ws.access.token import TokenChecker
from whispercpp_ws.cli import COMMANDS, full_parser
from whispercpp_ws.cli.settings import EXIT_STATUS
from whispercpp_ws.config import Config, TokenConfig
from whispercpp_ws.config.table import ENVIRONMENT_PREFIX, OPTIONS, markdown_table
from whispercpp_ws.decoding import DecodeRequest
from whispercpp_ws.engines.base import EngineInfo
from whispercpp_ws.errors import EngineError, PeerError, ServiceError, SpeechError
from whispercpp_ws.metrics import Metrics
from whispercpp_ws.server.app import create_app
from whispercpp_ws.transcript import Hypothesis


ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"

INSIDE_ONLY = {"superseded"}
"""Codes that the server handles itself."""


class IdleDecoder:
    """What an application is made with when nobody calls it."""

    info = EngineInfo("none", "none", ("en",), lanes=1)
    partial_info = None

    async def decode(self, session_id: str, request: DecodeRequest) -> Hypothesis:
        raise AssertionError


def error_table() -> str:
    """Return the table of every error that can reach a peer."""
    rows = [
        f"| `{error.code}` | {error.http_status} | {error.close_code} "
        f"| {'yes' if error.retryable else 'no'} | {meaning(error)} |"
        for error in peer_errors()
    ]
    head = ["| Code | HTTP | Close | Retryable | Sent when |", "|---|---|---|---|---|"]
    return "\n".join(head + rows)


def peer_errors() -> list[type[SpeechError]]:
    found: list[type[SpeechError]] = []
    for root in (PeerError, ServiceError, EngineError):
        found += family(root)
    found.append(SpeechError)
    return [error for error in found if error.code not in INSIDE_ONLY]


def family(error: type[SpeechError]) -> list[type[SpeechError]]:
    members = [error]
    for child in error.__subclasses__():
        members += family(child)
    return members


def meaning(error: type[SpeechError]) -> str:
    if error is SpeechError:
        return "the server has a defect; its log says more."
    text = " ".join((error.__doc__ or "").split())
    return text.removeprefix("Raised when ")


def with_section(text: str, name: str, body: str) -> str:
    """Replace what stands between a section's markers."""
    start = rf"(<!-- {name}: [^>]*-->\n).*?(<!-- /{name} -->)"
    return re.sub(
        start, lambda m: f"{m[1]}\n{body}\n\n{m[2]}", text, count=1, flags=re.DOTALL
    )


def generated(text: str) -> str:
    """Return README with its generated sections as they should be."""
    text = with_section(text, "options", markdown_table())
    text = with_section(text, "compatibility", compatibility_table())
    return with_section(text, "errors", error_table())


@pytest.fixture(scope="module")
def readme() -> str:
    return README.read_text(encoding="utf-8")


def test_the_generated_tables_are_current(readme: str) -> None:
    assert readme == generated(readme), "run: make readme"


def test_every_option_is_documented(readme: str) -> None:
    names = {option.flag or option.variable for option in OPTIONS}
    assert {name for name in names if f"`{name}`" not in readme} == set()


def test_every_error_code_is_documented(readme: str) -> None:
    codes = {error.code for error in peer_errors()}
    assert {code for code in codes if f"`{code}`" not in readme} == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented(readme: str, command: str) -> None:
    assert f"`whispercpp-ws {command}" in readme


def test_every_route_is_documented(readme: str) -> None:
    app = create_app(Config(), IdleDecoder(), Metrics())
    paths = {resource.canonical for resource in app.router.resources()}
    paths = {path for path in paths if "." not in path}
    assert paths >= {"/stt", "/"}
    assert {path for path in paths if f"| `{path}` |" not in readme} == set()


async def test_the_python_example_runs(
    readme: str, jfk_pcm: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    example = readme.split("```python\n")[1].split("```")[0]
    names: dict[str, Any] = {}
    exec(compile(example, "README.md", "exec"), names)
    async with serving(playing(FINAL, END)) as url:
        await names["main"](jfk_pcm, url.removesuffix("/stt"))
    assert capsys.readouterr().out == "Ask not.\n"


def test_the_commands_in_the_readme_can_be_parsed(readme: str) -> None:
    lines = re.findall(r"^\$ (.*)$", readme, re.MULTILINE)
    found = [m[1] for x in lines if (m := re.search(r"whispercpp-ws ([^|>#)]*)", x))]
    parser, commands = full_parser(), {words.split()[0] for words in found}
    assert commands >= {"serve", "mic", "stream", "transcribe", "models"}
    for words in found:
        parser.parse_args(shlex.split(words))


def test_the_russian_quick_start_is_linked_and_says_the_same(readme: str) -> None:
    assert "[По-русски](#быстрый-старт)" in readme
    section = readme.split("## Быстрый старт\n")[1].split("\n## ")[0]
    needed = ("make run", "make mic", "--language ru", "--token-key-file", "Vosk")
    assert [name for name in needed if name not in section] == []


def test_the_server_takes_the_token_that_the_readme_makes(
    readme: str, tmp_path: Path
) -> None:
    key = "k" * 64
    (tmp_path / "key").write_text(key + "\n", encoding="utf-8")
    code = re.findall(r'python -c "(import jwt.*)" > token', readme)[0]
    command = [sys.executable, "-c", code]
    token = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stdout
    checker = TokenChecker(TokenConfig(key=key), now=time.time)
    assert checker.check(token.strip()).expires_at > time.time()


def test_the_exit_status_is_documented_as_in_the_help(readme: str) -> None:
    statuses = re.findall(r"^  (\d+) ", EXIT_STATUS, re.MULTILINE)
    assert statuses == ["0", "1", "2", "130"]
    assert [s for s in statuses if f"\n| {s} | " not in readme] == []


def test_variables_in_the_readme_exist(readme: str) -> None:
    known = {option.variable for option in OPTIONS}
    others = {"CONFIG", "LIBWHISPER", "MODEL_MIRROR"}
    known |= {ENVIRONMENT_PREFIX + name for name in others}
    assert set(re.findall(rf"{ENVIRONMENT_PREFIX}[A-Z_]+", readme)) <= known


def test_make_targets_in_the_readme_exist(readme: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert set(re.findall(r"make ([a-z]+)\b(?= |`)", readme)) - {"and"} <= targets


def test_the_changelog_is_open_and_ends_with_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    first, *rest = re.findall(r"^## (\S+)", text, re.MULTILINE)
    assert first == "Unreleased"
    assert not rest or rest[0] == __version__


if __name__ == "__main__":
    current = README.read_text(encoding="utf-8")
    README.write_text(generated(current), encoding="utf-8")
    sys.exit()
