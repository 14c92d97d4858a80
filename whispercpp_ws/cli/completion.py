"""`whispercpp-ws completion`: write a shell's completion, the only use of shtab."""

import argparse
from pathlib import Path
from types import ModuleType

from whispercpp_ws.cli.settings import Subparsers, with_examples
from whispercpp_ws.errors import ConfigError
from whispercpp_ws.models.catalog import QUANTS, ModelKind, all_entries


SHELLS = ("bash", "zsh", "fish")
FOLDERS = ("DIR",)

EXAMPLES = """
examples:
  whispercpp-ws completion bash >> ~/.bash_completion
  whispercpp-ws completion zsh > ~/.zfunc/_whispercpp-ws   # a folder of $fpath
  whispercpp-ws completion fish > ~/.config/fish/completions/whispercpp-ws.fish
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = with_examples(
        subparsers, "completion", "write the completion of a shell", EXAMPLES
    )
    parser.add_argument("shell", choices=SHELLS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the script; returns 0."""
    # The commands are this module's siblings; their list imports this one.
    from whispercpp_ws.cli import full_parser

    shtab, parser = _shtab(), full_parser()
    _complete_values(parser, shtab)
    print(shtab.complete(parser, shell=args.shell))
    return 0


def _shtab() -> ModuleType:
    try:
        import shtab
    except ImportError as error:
        raise ConfigError(
            "completion needs the extra `completion`: "
            "pip install 'whispercpp-ws[completion]'"
        ) from error
    return shtab


def _complete_values(parser: argparse.ArgumentParser, shtab: ModuleType) -> None:
    """Say which arguments are files, folders and models, down to every command."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                _complete_values(command, shtab)
        elif action.dest in ("option_model", "option_partial-model"):
            action.choices = _models()
        elif action.dest in ("option_quant", "option_partial-quant"):
            action.choices = QUANTS
        elif action.type is Path or action.metavar in ("FILE", *FOLDERS):
            is_folder = action.metavar in FOLDERS
            action.complete = shtab.DIRECTORY if is_folder else shtab.FILE  # type: ignore[attr-defined]


def _models() -> list[str]:
    speech = (e for e in all_entries() if e.kind is ModelKind.SPEECH)
    return list(dict.fromkeys(entry.base for entry in speech))
