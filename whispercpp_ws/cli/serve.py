"""`whispercpp-ws serve`: run the server."""

import argparse
import asyncio
import errno
import logging
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from whispercpp_ws.access.listen import check_listen
from whispercpp_ws.cli import forget_stdout
from whispercpp_ws.cli.loading import fetched_model, fetched_vad
from whispercpp_ws.cli.settings import (
    Subparsers,
    add_options,
    config_from,
    with_examples,
)
from whispercpp_ws.config import Config, ModelConfig
from whispercpp_ws.engines.base import EngineInfo
from whispercpp_ws.metrics import Metrics
from whispercpp_ws.scheduler.cores import Cores
from whispercpp_ws.scheduler.fleet import ModelFleet, Start
from whispercpp_ws.scheduler.host import EngineHost
from whispercpp_ws.scheduler.load import LoadMeter
from whispercpp_ws.scheduler.scheduler import Scheduler
from whispercpp_ws.scheduler.two_pass import TwoPassScheduler
from whispercpp_ws.scheduler.wire import HostSpec
from whispercpp_ws.server.app import create_app
from whispercpp_ws.server.run import run_app


EXAMPLES = """
examples:
  whispercpp-ws serve
  whispercpp-ws serve --model small --quant q5_1 --language ru
  whispercpp-ws serve --host 0.0.0.0 --token-key-file key

Status 1 after a signal says that some sessions had to be cut.
"""


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
    parser = with_examples(subparsers, "serve", "run the server", EXAMPLES)
    add_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM; returns 1 if sessions had to be cut."""
    config = config_from(args)
    check_listen(config.listen, config.tokens)
    logging.getLogger("whispercpp_ws").setLevel(config.log_level.upper())
    final, partial = host_spec(config.models), partial_spec(config.models)
    finished = asyncio.run(serve(config, final, partial))
    return 0 if finished else 1


def host_spec(config: ModelConfig) -> HostSpec:
    """Say what the engine process loads, once it is on disk; raises ModelError."""
    lanes = config.lanes or usable_cores()
    if config.engine == "scripted":
        return HostSpec("scripted", "scripted", lanes=lanes)
    model, vad = fetched_model(config), fetched_vad(config)
    return HostSpec(
        engine=config.engine,
        model=model.name,
        path=str(model.path),
        lanes=lanes,
        size_bytes=model.size,
        sha256=model.sha256,
        vad_path=str(vad.path) if vad else "",
        blas=config.blas != "off",
    )


def partial_spec(config: ModelConfig) -> HostSpec | None:
    """Say what the engine process for partials loads; None when there is none."""
    if not config.partial_model:
        return None
    return host_spec(
        replace(
            config,
            model=config.partial_model,
            quant=config.partial_quant,
            lanes=config.partial_lanes or default_partial_lanes(),
        )
    )


def usable_cores() -> int:
    """Count the cores this process may run on, which a container may limit."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_partial_lanes() -> int:
    """
    Count half the cores, at least one.

    Lanes of both models share the cores, and a small model needs fewer. On two cores a
    second lane for tiny.en made the slowest of base's finals to three clients later by
    9 to 71 %, in three trials.
    """
    return max(1, usable_cores() // 2)


async def serve(config: Config, final: HostSpec, partial: HostSpec | None) -> bool:
    """Run the server until a signal; returns whether every session got its finals."""
    names = " and ".join(spec.model for spec in (final, partial) if spec)
    say(f"Loading {names} ...")
    metrics = Metrics()
    load = LoadMeter(
        lanes=final.lanes, most_load=config.limits.max_load, metrics=metrics
    )
    async with decoding(config.models, final, partial, load) as (decoder, fleet):
        app = create_app(config, decoder, metrics, load=load, models=fleet)

        def greet(port: int) -> None:
            address = Address(config.listen.host, port)
            say(greeting(address, decoder.info, decoder.partial_info))

        finished = await run_app(app, config.listen, on_listening=greet)
    say("Stopped." if finished else "Stopped; some sessions were cut.")
    return finished


def say(line: str) -> None:
    """Tell whoever started the server; a full disk under that is no reason to stop."""
    try:
        print(line, flush=True)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        forget_stdout()


@asynccontextmanager
async def decoding(
    config: ModelConfig,
    final: HostSpec,
    partial: HostSpec | None = None,
    load: LoadMeter | None = None,
) -> AsyncIterator[tuple[ModelFleet | TwoPassScheduler, ModelFleet]]:
    """
    Run decodes in engine processes of the block.

    Gives what decodes, and the models among it that may be changed. Raises SpeechError.
    """
    cores = Cores()
    async with AsyncExitStack() as stack:
        fleet = ModelFleet(
            _starter(config, final),
            load=load,
            cores=cores,
            has_partials=partial is None,
        )
        stack.push_async_callback(fleet.aclose)
        await fleet.use(final.model)
        if config.unload_idle_s:
            stack.callback(_until_called(fleet.unload_idle(config.unload_idle_s)))
        if partial is None:
            yield fleet, fleet
        else:
            host = await EngineHost.start(partial)
            stack.push_async_callback(host.aclose)
            if load is not None:
                load.note_partial_model(host.info)
            partials = Scheduler(host, load=load, cores=cores)
            yield TwoPassScheduler(final=fleet, partial=partials, load=load), fleet


def _starter(config: ModelConfig, first: HostSpec) -> Start:
    """Return what starts hosts for models by name; the first one's file is known."""

    async def start(name: str) -> EngineHost:
        if name == first.model:
            return await EngineHost.start(first)
        # Reading, hashing and fetching a file must not stop the sessions.
        wanted = replace(config, model=name)
        return await EngineHost.start(await asyncio.to_thread(host_spec, wanted))

    return start


def _until_called(job: Coroutine[None, None, None]) -> Callable[[], object]:
    """Run a job in the background; the result ends it."""
    return asyncio.create_task(job).cancel


def greeting(
    address: Address, info: EngineInfo, partial: EngineInfo | None = None
) -> str:
    """Return the line that says where to connect."""
    line = f"Listening on http://{address} (WebSocket {address.url}), {_loaded(info)}"
    return f"{line}, partials by {_loaded(partial)}" if partial else line


def _loaded(info: EngineInfo) -> str:
    return f"model {info.model}, {info.lanes} lane{'s' if info.lanes != 1 else ''}"
