"""`whispercpp-ws doctor`: check that this machine can run the server."""

import argparse
import os
import platform
import re
from collections.abc import Callable
from pathlib import Path

from whispercpp_ws import __version__
from whispercpp_ws.cli.loading import model_store
from whispercpp_ws.cli.settings import Subparsers, add_options, config_from
from whispercpp_ws.config import ModelConfig
from whispercpp_ws.engines.whispercpp.binding import load_binding
from whispercpp_ws.engines.whispercpp.blas import numpys_blas, unusable
from whispercpp_ws.engines.whispercpp.devices import gpu_name
from whispercpp_ws.engines.whispercpp.library import WHISPER_VERSION, find_library
from whispercpp_ws.errors import SpeechError
from whispercpp_ws.models.catalog import name_of


CPU_INFO = Path("/proc/cpuinfo")
CPU_FEATURES = ("avx", "avx2", "fma", "f16c", "avx512f", "avx512_vnni", "asimd")
"""Those that whisper.cpp's kernels make use of, as Linux names them."""

Check = Callable[[ModelConfig], str]


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "doctor", help="check that this machine can run the server"
    )
    add_options(parser, ("model", "quant", "models-dir"))
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print one line for each check; returns 1 if one of them failed."""
    config = config_from(args).models
    passed = [_passes(name, check, config) for name, check in CHECKS]
    return 0 if all(passed) else 1


def _passes(name: str, check: Check, config: ModelConfig) -> bool:
    try:
        finding, passed = check(config), True
    except SpeechError as error:
        finding, passed = str(error), False
    print(f"{'ok  ' if passed else 'FAIL'}  {name:8} {finding}")
    return passed


def _package(_config: ModelConfig) -> str:
    return f"whispercpp-ws {__version__}, Python {platform.python_version()}"


def _processor(_config: ModelConfig) -> str:
    return f"{os.cpu_count()} x {platform.machine()} {_features(CPU_INFO)}".rstrip()


def _library(_config: ModelConfig) -> str:
    load_binding()
    return f"libwhisper {WHISPER_VERSION}, {find_library('whisper')}"


def _device(_config: ModelConfig) -> str:
    return f"models run on {gpu_name() or 'the processor'}"


def _blas(_config: ModelConfig) -> str:
    reason = unusable()
    return f"not used: {reason}" if reason else f"{numpys_blas()}, by numpy"


def _model(config: ModelConfig) -> str:
    store, name = model_store(config), name_of(config.model, config.quant)
    path = store.path(name)
    return f"{path}, sha256 {store.verify(name)}"


def _features(cpu_info: Path) -> str:
    """Return the features Linux lists; other systems tell none."""
    try:
        text = cpu_info.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    line = re.search(r"^(flags|Features)\s*:(.*)$", text, re.MULTILINE)
    present = line.group(2).split() if line else []
    return " ".join(feature for feature in CPU_FEATURES if feature in present)


CHECKS: tuple[tuple[str, Check], ...] = (
    ("package", _package),
    ("cpu", _processor),
    ("library", _library),
    ("device", _device),
    ("blas", _blas),
    ("model", _model),
)
