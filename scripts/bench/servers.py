"""Which server is measured, chosen by name, and what it needs."""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.bench.adapters.base import Adapter
from scripts.bench.adapters.environment import Environment
from scripts.bench.adapters.ours import OurOptions, OurServer
from scripts.bench.adapters.replayed import (
    Design,
    Replayed,
    on_time_design,
    padded_design,
    trimmed_design,
)
from scripts.bench.adapters.sliding_window import SlidingWindow
from scripts.bench.adapters.whisper_live import WhisperLive
from scripts.bench.adapters.whisper_server import WhisperServer, WhisperServerOptions
from scripts.bench.manifest import ROOT
from whispercpp_ws.config import ModelConfig
from whispercpp_ws.engines import EngineOptions, load_engine
from whispercpp_ws.models.registry import ModelSpec


BASELINES = ROOT / "build" / "baselines"
"""Where `make bench-baselines` puts environments, programs and weights."""

BUILT_WHISPER_SERVER = BASELINES / "whisper-server" / "bin" / "whisper-server"

OURS, WHISPER_SERVER = "ours", "whisper-server"
REPLAY, PADDED, ON_TIME = "replay", "padded", "padded-on-time"
DESIGNS = (REPLAY, PADDED, ON_TIME)
"""This repository's session in simulated time, and what it is compared with."""
ENVIRONMENTS: Mapping[str, Callable[[Environment, Path], Adapter]] = {
    "sliding-window": SlidingWindow,
    "whisper-live": WhisperLive,
}
"""Servers that run in an environment of their own."""


@dataclass(frozen=True, slots=True)
class Server:
    """Which server is measured, and where what it needs is."""

    name: str
    program: Path
    """whisper.cpp's server."""
    environment: Environment
    """Of one of `ENVIRONMENTS`."""


@dataclass(frozen=True, slots=True)
class Models:
    """The model under test, and how this repository serves it."""

    config: ModelConfig
    spec: ModelSpec
    vad: ModelSpec | None
    endpoint_ms: int
    serve_options: tuple[str, ...] = ()
    """Further flags of this repository's server."""


def adapter_for(server: Server, models: Models, log: Path) -> Adapter:
    """Wrap the server that is asked for."""
    if server.name == WHISPER_SERVER:
        options = WhisperServerOptions(server.program, models.spec.path)
        return WhisperServer(options, log)
    if server.name in ENVIRONMENTS:
        return ENVIRONMENTS[server.name](server.environment, log)
    if server.name == REPLAY:
        return replayed(trimmed_design(), models)
    if server.name == PADDED:
        return replayed(padded_design(models.endpoint_ms), models)
    if server.name == ON_TIME:
        return replayed(on_time_design(models.endpoint_ms), models)
    folder = ("--models-dir", str(models.spec.path.parent))
    return OurServer(
        OurOptions(
            model=models.config.model,
            quant=models.config.quant,
            endpoint_ms=models.endpoint_ms,
            more=(*folder, *models.serve_options),
        ),
        log,
    )


def replayed(design: Design, models: Models) -> Replayed:
    """Make a replay of a design with the model under test for both passes."""
    spec, vad = models.spec, models.vad
    options = EngineOptions(spec.name, vad=vad.path if vad else None)
    return Replayed(
        design,
        lambda: load_engine(models.config.engine, spec.path, options),
        models.endpoint_ms,
    )


def server_from(args: argparse.Namespace) -> Server:
    """Read what `add_arguments` added."""
    default = OURS if args.whisper_server is None else WHISPER_SERVER
    name = args.server or default
    return Server(
        name=name,
        program=args.whisper_server or _whisper_server(),
        environment=Environment(
            python=args.python or BASELINES / name / "bin" / "python",
            ct2=args.ct2 or BASELINES / args.model,
        ),
    )


def _whisper_server() -> Path:
    # One that was built here, or else whichever is on PATH.
    built = BUILT_WHISPER_SERVER
    return built if built.is_file() else Path(WHISPER_SERVER)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags that choose a server."""
    add = parser.add_argument_group("server under test").add_argument
    add(
        "--server",
        choices=[OURS, WHISPER_SERVER, *ENVIRONMENTS, *DESIGNS],
        help="this repository's, whisper.cpp's own, faster-whisper over a window of "
        "8 s, or WhisperLive (ours); `make bench-baselines` installs these three. "
        "replay: this repository's session in simulated time; padded: the same with "
        "every window on the full 30 s and nothing decoded ahead; padded-on-time: that "
        "with cores enough for a partial each second",
    )
    add(
        "--whisper-server",
        type=Path,
        metavar="PROGRAM",
        help="which whisper-server; alone it also chooses it (the one that "
        "`make bench-baselines` built, else the one on PATH)",
    )
    add(
        "--python",
        type=Path,
        metavar="PATH",
        help="interpreter of sliding-window or whisper-live "
        "(build/baselines/SERVER/bin/python)",
    )
    add(
        "--ct2",
        type=Path,
        metavar="DIR",
        help="CTranslate2 files of their model (build/baselines/MODEL)",
    )
