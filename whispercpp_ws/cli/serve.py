"""`whispercpp-ws serve`: run the server."""

import argparse
import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from whispercpp_ws.access.listen import check_listen
from whispercpp_ws.cli.loading import fetched_model
from whispercpp_ws.cli.settings import Subparsers, add_options, config_from
from whispercpp_ws.config import Config, ModelConfig
from whispercpp_ws.engines.base import EngineInfo
from whispercpp_ws.metrics import Metrics
from whispercpp_ws.scheduler.host import EngineHost
from whispercpp_ws.scheduler.scheduler import Scheduler
from whispercpp_ws.scheduler.wire import HostSpec
from whispercpp_ws.server.app import create_app
from whispercpp_ws.server.run import run_app


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """Where the native dialect is."""
        return f"ws://{self}/stt"


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser("serve", help="run the server")
    add_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM; returns 1 if sessions had to be cut."""
    config = config_from(args)
    check_listen(config.listen, config.tokens)
    logging.getLogger("whispercpp_ws").setLevel(config.log_level.upper())
    finished = asyncio.run(serve(config, host_spec(config.models)))
    return 0 if finished else 1


def host_spec(config: ModelConfig) -> HostSpec:
    """Say what the engine process loads, once it is on disk; raises ModelError."""
    lanes = config.lanes or usable_cores()
    if config.engine == "scripted":
        return HostSpec("scripted", "scripted", lanes=lanes)
    model = fetched_model(config)
    return HostSpec(
        engine=config.engine,
        model=model.name,
        path=str(model.path),
        lanes=lanes,
        size_bytes=model.size,
        sha256=model.sha256,
    )


def usable_cores() -> int:
    """Count the cores this process may run on, which a container may limit."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


async def serve(config: Config, spec: HostSpec) -> bool:
    """Run the server until a signal; returns whether every session got its finals."""
    print(f"Loading {spec.model} ...", flush=True)
    async with decoding(spec) as scheduler:
        app = create_app(config, scheduler, Metrics())

        def greet(port: int) -> None:
            address = Address(config.listen.host, port)
            print(greeting(address, scheduler.info), flush=True)

        finished = await run_app(app, config.listen, on_listening=greet)
    print("Stopped." if finished else "Stopped; some sessions were cut.", flush=True)
    return finished


@asynccontextmanager
async def decoding(spec: HostSpec) -> AsyncIterator[Scheduler]:
    """Run decodes in an engine process of the block; raises SpeechError."""
    host = await EngineHost.start(spec)
    try:
        yield Scheduler(host)
    finally:
        await host.aclose()


def greeting(address: Address, info: EngineInfo) -> str:
    """Return the line that says where to connect."""
    return (
        f"Listening on http://{address} (WebSocket {address.url}), "
        f"model {info.model}, {info.lanes} lane{'s' if info.lanes != 1 else ''}"
    )
