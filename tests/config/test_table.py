"""The option table covers the configuration."""

from dataclasses import fields, is_dataclass

import pytest

from whispercpp_ws.config import Config
from whispercpp_ws.config.table import OPTIONS, Option, markdown_table


def configured_fields() -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for part in fields(Config):
        value = getattr(Config(), part.name)
        if is_dataclass(value):
            found |= {(part.name, inner.name) for inner in fields(value)}
        else:
            found.add(("", part.name))
    return found


def option(name: str) -> Option:
    return next(option for option in OPTIONS if option.name == name)


def test_every_field_has_an_option() -> None:
    assert {(o.section, o.field) for o in OPTIONS} == configured_fields()


def test_names_variables_and_keys_are_unique() -> None:
    assert len({o.name for o in OPTIONS}) == len(OPTIONS)
    keys = [o.toml_key for o in OPTIONS if o.toml_key]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("option", OPTIONS, ids=lambda o: o.name)
def test_a_default_that_is_shown_reads_back_as_itself(option: Option) -> None:
    shown = option.kind.show(option.default)
    assert not shown or option.kind.read(shown, option.name) == option.default


def test_names_follow_from_the_option() -> None:
    limit = option("max-frame-bytes")
    assert limit.flag == "--max-frame-bytes"
    assert limit.variable == "WHISPERCPP_WS_MAX_FRAME_BYTES"
    assert limit.toml_key == "limits.max_frame_bytes"


def test_a_secret_is_neither_a_flag_nor_a_toml_key() -> None:
    assert option("token-key").flag == ""
    assert option("token-key").toml_key == ""


def test_the_table_has_a_row_for_every_option() -> None:
    rows = markdown_table().splitlines()
    assert len(rows) == 2 + len(OPTIONS)
    assert rows[3] == (
        "| `--port`<br>`listen.port` | `2700` | TCP port; 0 takes a free one. "
        "A whole number from 0 to 65535. |"
    )
