"""A TCP proxy that cuts connections at random bytes."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


READ_BYTES = 1000
HANDSHAKE_BYTES = 1000
"""Not cut: a client whose first connection fails is told so."""


class CuttingProxy:
    """
    Pass bytes on to a port, and cut each connection after a random number of them.

    A cut is a reset for both sides, or for the client alone: the server then holds a
    connection on which nothing comes any more.
    """

    def __init__(
        self, port: int, chance: random.Random, *, cuts: int, within_bytes: int
    ) -> None:
        self.port = 0
        self.cuts_left = cuts
        self._to_port = port
        self._chance = chance
        self._within_bytes = within_bytes
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Listen within the block, which gets the address to connect to."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield f"ws://127.0.0.1:{self.port}/stt"
        finally:
            server.close()
            _abort(self._writers)
            await asyncio.gather(*self._tasks)
            # Among them those of connections that were just being opened.
            _abort(self._writers)
            waits = [writer.wait_closed() for writer in self._writers]
            await asyncio.gather(*waits, return_exceptions=True)
            self._writers.clear()

    async def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        answers, onward = await asyncio.open_connection("127.0.0.1", self._to_port)
        self._writers += [writer, onward]
        budget = [self._chance.randrange(HANDSHAKE_BYTES, self._within_bytes)]
        ways = (
            self._pass_on(reader, onward, budget),
            self._pass_on(answers, writer, budget),
        )
        passing = [asyncio.create_task(way) for way in ways]
        await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
        for other in passing:
            other.cancel()
        await asyncio.gather(*passing, return_exceptions=True)
        _abort([writer, onward] if self._chance.random() < 0.5 else [writer])

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        budget: list[int],
    ) -> None:
        """Copy until the end, or until the bytes of the connection are used up."""
        with suppress(ConnectionError):
            while data := await reader.read(READ_BYTES):
                budget[0] -= len(data)
                if budget[0] <= 0 < self.cuts_left:
                    self.cuts_left -= 1
                    writer.write(data[: budget[0] or None])
                    return
                writer.write(data)
                await writer.drain()


def _abort(writers: list[asyncio.StreamWriter]) -> None:
    for writer in writers:
        writer.transport.abort()


class SwitchedProxy:
    """Pass bytes on to a port until the line is switched off: then nobody answers."""

    def __init__(self, to_port: int) -> None:
        self.port = 0
        self._to_port = to_port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Listen within the block, which gets the address of the page."""
        await self.switch_on()
        try:
            yield f"http://127.0.0.1:{self.port}/"
        finally:
            self.switch_off()

    async def switch_on(self) -> None:
        """Listen, on the same port as before."""
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self.port, reuse_address=True
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def switch_off(self) -> None:
        """Break every connection, on the server's side too, and refuse new ones."""
        if self._server is not None:
            self._server.close()
        _abort(list(self._writers))

    async def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        answers, onward = await asyncio.open_connection("127.0.0.1", self._to_port)
        self._writers |= {writer, onward}
        await asyncio.gather(copy_bytes(reader, onward), copy_bytes(answers, writer))
        self._writers -= {writer, onward}


async def copy_bytes(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Pass on what comes, and its end."""
    with suppress(ConnectionError):
        while data := await reader.read(READ_BYTES):
            writer.write(data)
            await writer.drain()
    writer.close()
