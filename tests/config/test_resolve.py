"""Values come from flags, environment, TOML and defaults, in that order."""

from pathlib import Path

import pytest

from whispercpp_ws.config import Config, LimitConfig
from whispercpp_ws.config.resolve import read_toml, resolve
from whispercpp_ws.errors import ConfigError


def test_nothing_set_gives_the_defaults() -> None:
    assert resolve({}, {}, {}) == Config()


def test_flags_go_before_the_environment_before_toml() -> None:
    toml = {"listen": {"port": 1, "host": "toml"}, "log_level": "error"}
    environ = {"WHISPERCPP_WS_PORT": "2", "WHISPERCPP_WS_HOST": "environment"}
    config = resolve({"port": "3"}, environ, toml)
    assert config.listen.port == 3
    assert config.listen.host == "environment"
    assert config.log_level == "error"


def test_a_bad_flag_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^--port: expected a whole .* got 'x'$"):
        resolve({"port": "x"}, {}, {})


def test_a_bad_variable_is_named() -> None:
    with pytest.raises(ConfigError, match="^WHISPERCPP_WS_LANES: expected "):
        resolve({}, {"WHISPERCPP_WS_LANES": "-1"}, {})


def test_a_bad_toml_value_is_named() -> None:
    with pytest.raises(ConfigError, match="^limits.heartbeat_s: expected a number"):
        resolve({}, {}, {"limits": {"heartbeat_s": "soon"}})


@pytest.mark.parametrize(
    ("toml", "key"),
    [
        ({"listen": {"prot": 1}}, "listen.prot"),
        ({"port": 1}, "port"),
        ({"listen": {"port": {"deep": 1}}}, "listen.port"),
    ],
)
def test_an_unknown_toml_key_is_an_error(toml: dict[str, object], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve({}, {}, toml)
    assert caught.value.field == key


def test_a_secret_in_toml_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigError, match=r"tokens\.key_file") as caught:
        resolve({}, {}, {"tokens": {"key": "hush"}})
    assert "hush" not in str(caught.value)


def test_a_key_comes_from_a_file_or_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("from file\n", encoding="utf-8")
    environ = {"WHISPERCPP_WS_TOKEN_KEY": "from environment"}
    toml = {"tokens": {"key_file": str(file)}}
    assert resolve({}, {}, toml).tokens.key == "from file"
    assert resolve({}, environ, toml).tokens.key == "from environment"
    assert resolve({"token-key-file": str(file)}, environ, {}).tokens.key == "from file"


def test_a_key_is_not_part_of_the_repr() -> None:
    config = resolve({}, {"WHISPERCPP_WS_TOKEN_KEY": "hush"}, {})
    assert "hush" not in repr(config)


def test_reading_must_pause_before_a_session_is_closed() -> None:
    with pytest.raises(ConfigError, match="less than limits.max_backlog_s"):
        resolve({"pause-backlog": "30"}, {}, {})


def test_limits_that_are_equal_to_the_defaults_are_consistent() -> None:
    assert LimitConfig().pause_backlog_s < LimitConfig().max_backlog_s


def test_a_toml_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "ws.toml"
    file.write_text("[listen]\nport = 5\n", encoding="utf-8")
    assert resolve({}, {}, read_toml(file)).listen.port == 5


@pytest.mark.parametrize("content", [b"port = = 1", b"\xff"])
def test_a_file_that_is_not_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "ws.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match="not a readable TOML file"):
        read_toml(file)


def test_a_missing_configuration_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml: not a readable .*No such"):
        read_toml(tmp_path / "absent.toml")


def test_an_empty_flag_undoes_a_configured_partial_model() -> None:
    toml = {"models": {"partial_model": "tiny"}}
    assert resolve({}, {}, toml).models.partial_model == "tiny"
    assert resolve({"partial-model": ""}, {}, toml).models.partial_model == ""


def test_a_path_is_no_partial_model() -> None:
    with pytest.raises(ConfigError, match="^--partial-model: expected a catalogue"):
        resolve({"partial-model": "../tiny"}, {}, {})
