"""Listen, serve until a signal comes, drain, and clean up."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from aiohttp import web

from whispercpp_ws.config import ListenConfig
from whispercpp_ws.errors import ConfigError
from whispercpp_ws.server.drain import drain
from whispercpp_ws.server.keys import SHARED
from whispercpp_ws.server.notify import Supervisor, supervised


HEADER_TIMEOUT_S = 10.0
"""How long an idle keep-alive connection, or half a request header, is kept."""
CLEANUP_S = 2.0
"""How long handlers may take to end after a drain that ran out of time."""
SIGNALS = (signal.SIGTERM, signal.SIGINT)


@asynccontextmanager
async def listening(
    app: web.Application, listen: ListenConfig, *, option: str = "port"
) -> AsyncIterator[int]:
    """
    Serve within the block, which gets the bound port; close everything after it.

    `option` is the name of the one that sets the port.

    Raises:
        ConfigError: the address is taken or not ours.
    """
    runner = web.AppRunner(
        app,
        access_log=None,
        keepalive_timeout=HEADER_TIMEOUT_S,
        shutdown_timeout=CLEANUP_S,
    )
    await runner.setup()
    try:
        await _bind(runner, listen, option)
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def run_app(
    app: web.Application,
    listen: ListenConfig,
    *,
    on_listening: Callable[[int], None],
) -> bool:
    """
    Serve until SIGTERM or SIGINT, then drain; a second signal cuts the drain short.

    `on_listening` is called once with the bound port. systemd is told when it begins
    and ends, and that it is alive, if it wants to know. Returns whether every session
    got its finals.

    Raises:
        ConfigError: the address is taken or not ours.
    """
    supervisor = Supervisor()
    load = app[SHARED].load
    async with (
        listening(app, listen) as port,
        supervised(supervisor, lambda: load.silent_s),
    ):
        with _signals() as stop:
            on_listening(port)
            await _next_signal(stop)
            supervisor.tell("STOPPING=1")
            return await _drain_or_signal(app, stop)


async def _drain_or_signal(app: web.Application, stop: asyncio.Event) -> bool:
    draining = asyncio.create_task(drain(app))
    second = asyncio.create_task(_next_signal(stop))
    tasks = {draining, second}
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    return draining in done and draining.result()


async def _next_signal(stop: asyncio.Event) -> None:
    await stop.wait()
    stop.clear()


@contextmanager
def _signals() -> Iterator[asyncio.Event]:
    """Set an event at each signal, and restore the defaults after."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def note(_number: int, _frame: object) -> None:
        loop.call_soon_threadsafe(stop.set)

    # Not loop.add_signal_handler: Windows has none.
    before = {number: signal.signal(number, note) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def _bind(runner: web.AppRunner, listen: ListenConfig, option: str) -> None:
    try:
        await web.TCPSite(runner, listen.host, listen.port).start()
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {listen.host}:{listen.port}: {error.strerror or error}; "
            f"choose another with --host and --{option}",
            field=option.replace("-", "_"),
        ) from error
