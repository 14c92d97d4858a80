"""`whispercpp-ws models`: files on this machine, and what a running server loads."""

import argparse
import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whispercpp_ws.cli.progress import ProgressBar
from whispercpp_ws.cli.settings import Subparsers
from whispercpp_ws.client.admin import ServedModel, change_model, loaded_models
from whispercpp_ws.errors import ConfigError
from whispercpp_ws.models.catalog import (
    LICENCE,
    QUANTS,
    ModelEntry,
    ModelKind,
    all_entries,
    name_of,
)
from whispercpp_ws.models.registry import default_directory
from whispercpp_ws.models.store import ModelStore


def add_parser(
    subparsers: Subparsers,
) -> None:
    """
    Add the `models` command; what is parsed carries `run`, which returns the status.

    Each `run` raises a SpeechError where it cannot do what was asked.
    """
    parser = subparsers.add_parser("models", help="list, fetch and check model files")
    _add_directory(parser, None)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_list(commands)
    _add_fetch(commands)
    _add_quantize(commands)
    _add_named(commands)
    _add_served(commands)


def _add_directory(parser: argparse.ArgumentParser, default: object) -> None:
    parser.add_argument(
        "--models-dir",
        type=Path,
        default=default,
        metavar="DIR",
        help="where they are kept (WHISPERCPP_WS_MODELS_DIR, else ./models, else "
        "the user's cache)",
    )


def _add_command(
    commands: Subparsers, name: str, description: str
) -> argparse.ArgumentParser:
    """Add a command that takes `--models-dir` behind its name too."""
    parser = commands.add_parser(name, help=description)
    _add_directory(parser, argparse.SUPPRESS)
    return parser


def _add_list(
    commands: Subparsers,
) -> None:
    parser = _add_command(commands, "list", "print the catalogue")
    parser.add_argument(
        "--installed", action="store_true", help="only what is on this machine"
    )
    parser.set_defaults(run=_list)


def _add_fetch(
    commands: Subparsers,
) -> None:
    parser = _add_command(commands, "fetch", "download or make models")
    parser.add_argument("names", nargs="+", metavar="NAME", help="such as base")
    parser.add_argument(
        "--quant", default="f16", choices=("f16", *QUANTS), help="default: %(default)s"
    )
    parser.add_argument("--force", action="store_true", help="even if it is there")
    parser.set_defaults(run=_fetch)


def _add_quantize(
    commands: Subparsers,
) -> None:
    parser = _add_command(commands, "quantize", "make a smaller form of a model")
    parser.add_argument("name", metavar="NAME", help="an f16 model, such as base")
    parser.add_argument("quant", metavar="QUANT", choices=QUANTS)
    parser.set_defaults(run=_quantize)


def _add_named(
    commands: Subparsers,
) -> None:
    verify = _add_command(commands, "verify", "read models and compare checksums")
    verify.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    verify.set_defaults(run=_verify)
    remove = _add_command(commands, "remove", "delete models from this machine")
    remove.add_argument("names", nargs="+", metavar="NAME")
    remove.set_defaults(run=_remove)


SERVED = {
    "load": "have a running server load a model beside its others",
    "use": "have it make a model the default, and let the old default go",
    "unload": "have it let a model go",
}


def _add_served(commands: Subparsers) -> None:
    for action, summary in SERVED.items():
        parser = commands.add_parser(action, help=summary)
        parser.add_argument("name", metavar="NAME", help="such as base-q8_0")
        _add_server(parser)
        parser.set_defaults(run=_change, action=action)
    parser = commands.add_parser("loaded", help="print what a running server has")
    _add_server(parser)
    parser.set_defaults(run=_loaded)


def _add_server(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--url", default="http://127.0.0.1:2700", help="default: %(default)s"
    )
    parser.add_argument(
        "--admin-token-file",
        type=Path,
        metavar="FILE",
        help="where the server asks for one",
    )


def _change(args: argparse.Namespace) -> int:
    url, token = args.url.rstrip("/"), _admin_token(args)
    _print_served(asyncio.run(change_model(url, args.action, args.name, token=token)))
    return 0


def _loaded(args: argparse.Namespace) -> int:
    url = args.url.rstrip("/")
    _print_served(asyncio.run(loaded_models(url, token=_admin_token(args))))
    return 0


def _admin_token(args: argparse.Namespace) -> str:
    file: Path | None = args.admin_token_file
    try:
        return file.read_text(encoding="utf-8").strip() if file else ""
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error


def _print_served(models: list[ServedModel]) -> None:
    for model in models:
        mark = "*" if model.is_default else " "
        print(f"{mark} {model.name:20} lanes {model.lanes}  decodes {model.decodes}")


def _list(args: argparse.Namespace) -> int:
    store = _store(args)
    installed = {entry.name for entry in store.installed()}
    for entry in all_entries():
        if entry.name in installed or not args.installed:
            print(_line(entry, here=entry.name in installed))
    return 0


def _fetch(args: argparse.Namespace) -> int:
    store = _store(args)
    for name in [name_of(name, args.quant) for name in args.names]:
        with _progress() as progress:
            get = store.fetch if args.force else store.ensure
            path = get(name, progress)
        print(f"{path}  sha256 {store.sha256(name)}")
    return 0


def _quantize(args: argparse.Namespace) -> int:
    store = _store(args)
    with _progress() as progress:
        path = store.quantize(args.name, args.quant, progress)
    print(f"{path}  sha256 {store.sha256(name_of(args.name, args.quant))}")
    return 0


def _verify(args: argparse.Namespace) -> int:
    store = _store(args)
    for name in args.names or [entry.name for entry in store.installed()]:
        print(f"{name}: sound, sha256 {store.verify(name)}")
    return 0


def _remove(args: argparse.Namespace) -> int:
    store = _store(args)
    for name in args.names:
        store.remove(name)
        print(f"{name}: removed")
    return 0


def _store(args: argparse.Namespace) -> ModelStore:
    directory: Path | None = args.models_dir
    return ModelStore(default_directory() if directory is None else directory)


@contextmanager
def _progress() -> Iterator[ProgressBar]:
    progress = ProgressBar()
    try:
        yield progress
    finally:
        progress.finish()


def _line(entry: ModelEntry, *, here: bool) -> str:
    languages = {0: "-", 1: "en"}.get(entry.languages, f"{entry.languages} languages")
    what = "voice activity" if entry.kind is ModelKind.VAD else languages
    mark = "*" if here else " "
    return f"{mark} {entry.name:20} {entry.size / 1e6:8.1f} MB  {LICENCE}  {what}"
