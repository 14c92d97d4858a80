"""Flags of the option table become a configuration."""

import argparse
from pathlib import Path

import pytest

from whispercpp_ws.cli.settings import add_options, config_from
from whispercpp_ws.config import Config
from whispercpp_ws.errors import ConfigError


def config(*argv: str, names: tuple[str, ...] | None = None) -> Config:
    parser = argparse.ArgumentParser()
    add_options(parser, names)
    return config_from(parser.parse_args(argv))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ws.toml"
    path.write_text('[listen]\nport = 1\n[models]\nmodel = "small"\n', encoding="utf-8")
    return path


def test_flags_set_values() -> None:
    made = config("--port", "5", "--allowed-origins", "https://a.org")
    assert made.listen.port == 5
    assert made.listen.allowed_origins == ("https://a.org",)


@pytest.mark.parametrize(
    ("argv", "value"),
    [((), False), (("--insecure",), True), (("--insecure", "false"), False)],
)
def test_a_switch_needs_no_value(argv: tuple[str, ...], value: bool) -> None:
    assert config(*argv).listen.insecure is value


def test_the_environment_sets_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHISPERCPP_WS_PORT", "6")
    assert config().listen.port == 6
    assert config("--port", "7").listen.port == 7


def test_a_file_sets_values(file: Path) -> None:
    made = config("--config", str(file), "--port", "2")
    assert (made.listen.port, made.models.model) == (2, "small")


def test_the_environment_names_a_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHISPERCPP_WS_CONFIG", str(file))
    assert config().models.model == "small"


def test_a_command_may_have_some_of_the_flags(file: Path) -> None:
    made = config("--config", str(file), "--quant", "f16", names=("quant",))
    assert (made.models.model, made.models.quant) == ("small", "f16")
    with pytest.raises(SystemExit):
        config("--port", "5", names=("quant",))


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml"):
        config("--config", "absent.toml")
