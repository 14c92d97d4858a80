"""
The command line: `whispercpp-ws serve | mic | stream | transcribe | models | …`.

Only the module of the command that runs is imported, so that `--help` is instant.
"""

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Sequence

from whispercpp_ws import __version__
from whispercpp_ws.errors import ConfigError, ModelNotInCatalog, SpeechError


COMMANDS = {
    "serve": "run the server",
    "mic": "show live captions of what is said into the microphone",
    "stream": "send audio files to a server as a microphone would",
    "transcribe": "write what audio files say, without a server",
    "models": "list, fetch, check and remove models, or change a server's",
    "doctor": "check that this machine can run the server",
    "completion": "write the completion of a shell",
}

HIDDEN_COMMANDS = ("demo",)

EXIT_FAILED = 1
EXIT_USAGE = 2
"""What argparse ends with where it finds the mistake itself."""

EXIT_INTERRUPTED = 130
"""128 and the number of SIGINT, as shells report it."""

USAGE_ERRORS = (ConfigError, ModelNotInCatalog)
"""Raised for what was asked, not for what happened: the same command fails again."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; errors are one line on stderr."""
    words = list(sys.argv[1:] if argv is None else argv)
    args = _parser(words[0] if words else "").parse_args(words)
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        status: int = args.run(args)
    except SpeechError as error:
        print(f"whispercpp-ws: {error}", file=sys.stderr)
        return EXIT_USAGE if isinstance(error, USAGE_ERRORS) else EXIT_FAILED
    except BrokenPipeError:
        forget_stdout()
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return status


def full_parser() -> argparse.ArgumentParser:
    """Return the parser with all that every command takes; imports them all."""
    return _parser(*COMMANDS)


def _parser(*loaded: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="whispercpp-ws", description="Live speech-to-text on whisper.cpp."
    )
    parser.add_argument(
        "--version", action="version", version=f"%(prog)s {__version__}"
    )
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        if name in loaded:
            _add(subparsers, name)
        else:
            subparsers.add_parser(name, help=summary)
    for name in HIDDEN_COMMANDS:
        if name in loaded:
            _add(subparsers, name)
    return parser


def _add(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str
) -> None:
    importlib.import_module(f"{__name__}.{name}").add_parser(subparsers)


def forget_stdout() -> None:
    """Let the interpreter's last flush succeed after `| head`, or on a full disk."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
