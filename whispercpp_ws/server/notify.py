"""Tell systemd that the server is ready, alive and about to stop (sd_notify)."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress


ADDRESS = "NOTIFY_SOCKET"
WATCHDOG = "WATCHDOG_USEC"
"""What systemd sets for a unit of `Type=notify`, the second with `WatchdogSec=`."""
MOST_LAG_S = 1.0
"""By which the loop may be late for a sign of life: pings are as late then."""
MOST_SILENCE_S = 120.0
"""Without a decode while some are wanted: twice what a decode is given to end in,
so that an engine that was only ended and started again does not end the server too."""


class Supervisor:
    """The process that started us, if it wants to be told anything."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get(ADDRESS, "")
        # An abstract socket's name begins with a zero, written as "@".
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        watchdog_us = environment.get(WATCHDOG, "")
        is_number = watchdog_us.isascii() and watchdog_us.isdigit()
        self.watchdog_s = int(watchdog_us) / 1e6 if is_number else 0.0
        """Without a sign of life, after which it kills us; 0 is never."""

    def tell(self, state: str) -> None:
        """Send a state such as "READY=1"; nobody waits for an answer."""
        if not self._address:
            return
        with (
            # It is gone, or its socket is full: what we do does not depend on it.
            suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel,
        ):
            channel.setblocking(False)
            channel.sendto(state.encode(), self._address)

    async def keep_awake(self, silent_s: Callable[[], float]) -> None:
        """
        Give signs of life, for ever; none while the loop lags behind or words fail.

        `silent_s` says for how long decodes were wanted and none was done.
        """
        now_s = asyncio.get_running_loop().time
        while True:
            asleep_s = now_s()
            await asyncio.sleep(self.watchdog_s / 4)
            lag_s = now_s() - asleep_s - self.watchdog_s / 4
            if lag_s < MOST_LAG_S and silent_s() < MOST_SILENCE_S:
                self.tell("WATCHDOG=1")


@asynccontextmanager
async def supervised(
    supervisor: Supervisor, silent_s: Callable[[], float]
) -> AsyncIterator[None]:
    """Be ready within the block, and give signs of life if they are wanted."""
    supervisor.tell("READY=1")
    awake = None
    if supervisor.watchdog_s:
        awake = asyncio.create_task(supervisor.keep_awake(silent_s))
    try:
        yield
    finally:
        if awake is not None:
            awake.cancel()
            await asyncio.wait([awake])
