"""
Resolve the configuration once: flags, then environment, then TOML, then defaults.

A bad value is a `ConfigError` that names the key, the value and what was expected.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from whispercpp_ws.config import Config
from whispercpp_ws.config.table import OPTIONS, Option
from whispercpp_ws.errors import ConfigError


Values = dict[tuple[str, str], Any]


def resolve(
    flags: Mapping[str, str],
    environ: Mapping[str, str],
    toml: Mapping[str, object],
) -> Config:
    """
    Make the configuration of one run.

    Args:
        flags: texts given on the command line, by option name.
        environ: the process environment; other programs' variables are ignored.
        toml: the parsed configuration file, or an empty mapping.

    Raises:
        ConfigError: a value is not what its option expects, or a key is unknown.
    """
    values = _toml_values(toml)
    values |= _texts({o: environ.get(o.variable) for o in OPTIONS}, "variable")
    values |= _texts({o: flags.get(o.name) for o in OPTIONS}, "flag")
    return _checked(_filled(values))


def read_toml(path: Path) -> dict[str, object]:
    """Read a configuration file; raises ConfigError when it cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or str(error)
    except ValueError as error:
        reason = str(error)
    raise ConfigError(f"{path}: not a readable TOML file ({reason})", field="config")


def _texts(found: Mapping[Option, str | None], place: str) -> Values:
    return {
        (option.section, option.field): option.kind.read(text, getattr(option, place))
        for option, text in found.items()
        if text is not None
    }


def _toml_values(toml: Mapping[str, object]) -> Values:
    known = {option.toml_key: option for option in OPTIONS if option.toml_key}
    values: Values = {}
    for key, value in _flattened(toml):
        option = known.get(key)
        if option is None:
            raise ConfigError(_unknown_key(key), field=key)
        values[option.section, option.field] = option.kind.take(value, key)
    return values


def _flattened(
    toml: Mapping[str, object], prefix: str = ""
) -> Iterator[tuple[str, object]]:
    for key, value in toml.items():
        if isinstance(value, dict) and not prefix:
            yield from _flattened(value, f"{key}.")
        else:
            yield prefix + key, value


def _unknown_key(key: str) -> str:
    if key == "tokens.key":
        return (
            "tokens.key: a secret must not stand in the configuration file; "
            "set tokens.key_file, or WHISPERCPP_WS_TOKEN_KEY in the environment"
        )
    return f"{key}: no such key; README lists every option"


def _filled(values: Values) -> Config:
    config = Config()
    for (section, field), value in values.items():
        if section:
            part = replace(getattr(config, section), **{field: value})
            config = replace(config, **{section: part})
        else:
            config = replace(config, **{field: value})
    return config


def _checked(config: Config) -> Config:
    limits = config.limits
    if limits.pause_backlog_s >= limits.max_backlog_s:
        raise ConfigError(
            f"limits.pause_backlog_s: expected less than limits.max_backlog_s "
            f"({limits.max_backlog_s:g}), got {limits.pause_backlog_s:g}",
            field="limits.pause_backlog_s",
        )
    return config
