"""`make demo`: stream the bundled sample through a running or a temporary server."""

import argparse
import asyncio
import dataclasses
import socket
from contextlib import closing
from pathlib import Path

from whispercpp_ws.cli.converse import Service
from whispercpp_ws.cli.serve import Address, decoding, host_spec, partial_spec
from whispercpp_ws.cli.settings import Subparsers, add_options, config_from
from whispercpp_ws.cli.stream import StreamJob, display, stream_file
from whispercpp_ws.config import Config, ListenConfig
from whispercpp_ws.metrics import Metrics
from whispercpp_ws.server.app import create_app
from whispercpp_ws.server.run import listening


SAMPLE = Path("tests/data/jfk.wav")
PROBE_TIMEOUT_S = 2.0


def add_parser(subparsers: Subparsers) -> None:
    """Add the command; it is not listed, for only a checkout has the sample."""
    parser = subparsers.add_parser("demo")
    parser.add_argument(
        "--file", type=Path, default=SAMPLE, help="default: %(default)s"
    )
    parser.add_argument("--fast", action="store_true", help="send it at once")
    add_options(parser, ("port", "model", "quant", "models-dir", "engine"))
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Stream the sample and show what comes back; returns 0."""
    job = StreamJob(args.file, realtime=not args.fast)
    asyncio.run(demonstrate(job, config_from(args)))
    return 0


async def demonstrate(job: StreamJob, config: Config) -> None:
    """Stream to the server of `config.listen`, or to a temporary one."""
    address = Address(config.listen.host, config.listen.port)
    if answers(address):
        print(f"Streaming {job.file} through the server at {address.url}")
        await _show(job, address.url)
        return
    print(f"No server runs at {address}; starting one for the demo")
    free_port = dataclasses.replace(config, listen=ListenConfig(port=0))
    final, partial = host_spec(config.models), partial_spec(config.models)
    async with decoding(config.models, final, partial) as (decoder, _):
        app = create_app(free_port, decoder, Metrics())
        async with listening(app, free_port.listen) as port:
            url = Address(free_port.listen.host, port).url
            await _show(job, url)


async def _show(job: StreamJob, url: str) -> None:
    with closing(display()) as shown:
        await stream_file(dataclasses.replace(job, service=Service(url)), shown)


def answers(address: Address) -> bool:
    """Tell whether something accepts connections there; blocks for 2 s at most."""
    try:
        with socket.create_connection(
            (address.host, address.port), timeout=PROBE_TIMEOUT_S
        ):
            return True
    except OSError:
        return False
