"""Flags of the option table on a command, and the configuration they make."""

import argparse
import os
from collections.abc import Collection
from pathlib import Path
from typing import TypeAlias

from whispercpp_ws.config import Config
from whispercpp_ws.config.kinds import SWITCH
from whispercpp_ws.config.resolve import read_toml, resolve
from whispercpp_ws.config.table import ENVIRONMENT_PREFIX, OPTIONS, Option


Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

EXIT_STATUS = """exit status:
  0    all went well
  1    something failed, and one sentence on the standard error says what
  2    a flag, an argument or a setting has no meaning, or what it needs (a port,
       a file to write, an extra) is not to be had
  130  Ctrl-C"""

CONFIG_VARIABLE = ENVIRONMENT_PREFIX + "CONFIG"


def with_examples(
    subparsers: Subparsers, name: str, summary: str, examples: str
) -> argparse.ArgumentParser:
    """Add a command whose help ends with examples, and with what its status means."""
    return subparsers.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"{examples.strip()}\n\n{EXIT_STATUS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_options(
    parser: argparse.ArgumentParser, names: Collection[str] | None = None
) -> None:
    """Add the flags of the named options, or of all, and `--config`."""
    group = parser.add_argument_group(
        "options", f"each also in the environment as {ENVIRONMENT_PREFIX}<NAME>"
    )
    group.add_argument("--config", metavar="FILE", help="TOML file with options")
    for option in OPTIONS:
        if option.flag and (names is None or option.name in names):
            _add_option(group, option)


def config_from(args: argparse.Namespace) -> Config:
    """Resolve the configuration of a command; raises ConfigError."""
    given: dict[str, object] = vars(args)
    found = ((o.name, given.get(_destination(o))) for o in OPTIONS)
    flags = {name: text for name, text in found if isinstance(text, str)}
    path = given.get("config") or os.environ.get(CONFIG_VARIABLE)
    toml = read_toml(Path(str(path))) if path else {}
    return resolve(flags, os.environ, toml)


def _add_option(group: argparse._ArgumentGroup, option: Option) -> None:
    shown = option.kind.show(option.default)
    text = option.help + (f" (default: {shown})" if shown else "")
    is_switch = option.kind is SWITCH
    group.add_argument(
        option.flag,
        dest=_destination(option),
        nargs="?" if is_switch else None,
        const="true" if is_switch else None,
        metavar="BOOL" if is_switch else option.name.rpartition("-")[2].upper(),
        help=text,
    )


def _destination(option: Option) -> str:
    return f"option_{option.name}"
