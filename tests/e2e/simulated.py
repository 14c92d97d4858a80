"""A network in memory that breaks connections, between the real client and server."""

import asyncio
import logging
import random
import zlib
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from aiohttp import WSMessage, WSMsgType

from tests.server.peers import ScriptedDecoder
from whispercpp_ws.decoding import DecodeRequest
from whispercpp_ws.errors import PeerError
from whispercpp_ws.protocols.native import NativeDialect
from whispercpp_ws.server.connection import Connection
from whispercpp_ws.server.entry import Entry
from whispercpp_ws.server.keys import Shared
from whispercpp_ws.server.pump import Log
from whispercpp_ws.transcript import Hypothesis, Word, join_words


WORD_SAMPLES = 8000
GONE = WSMessage(WSMsgType.CLOSED, None, None)
CLOSE = WSMsgType.CLOSE
LOG = Log(logging.getLogger(__name__), {})


class EchoDecoder(ScriptedDecoder):
    """Say of each half second of a window a word that any other sample would change."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance

    async def decode(self, session_id: str, request: DecodeRequest) -> Hypothesis:
        for _ in range(self._chance.randrange(20)):
            await asyncio.sleep(0)
        count = len(request.samples) // WORD_SAMPLES
        words = tuple(_word(request, index) for index in range(count))
        return Hypothesis(
            text=join_words(words),
            words=words,
            language="en",
            token_count=count,
            mean_logprob=-0.1 if count else 0.0,
        )


def _word(request: DecodeRequest, index: int) -> Word:
    at = index * WORD_SAMPLES
    heard = zlib.crc32(request.samples[at : at + WORD_SAMPLES].tobytes())
    return Word(f"w{heard:08x}", index / 2, index / 2 + 0.5, 0.9)


class Pipe:
    """One direction of a connection; its two ends may notice a cut at other times."""

    def __init__(self) -> None:
        self._waiting: deque[WSMessage] = deque()
        self._changed = asyncio.Event()
        self.is_cut = False
        self.is_told_sender = False
        self.is_told_receiver = False

    async def send(self, kind: WSMsgType, data: object) -> None:
        """Send; what goes into a cut pipe is lost."""
        if self.is_told_sender:
            raise ConnectionResetError("the pipe is cut")
        if not self.is_cut:
            self._waiting.append(WSMessage(kind, data, None))
            self._changed.set()
        await asyncio.sleep(0)

    async def receive(self) -> WSMessage:
        while not self._waiting:
            if self.is_told_receiver:
                return GONE
            self._changed.clear()
            await self._changed.wait()
        return self._waiting.popleft()

    def cut(self, kept: int) -> None:
        """Lose what is under way but for some first messages."""
        self.is_cut = True
        while len(self._waiting) > kept:
            self._waiting.pop()

    def tell_receiver(self) -> None:
        self.is_told_receiver = True
        self._changed.set()


class ServerEnd:
    """The server's side, as aiohttp's socket behaves."""

    def __init__(self, incoming: Pipe, outgoing: Pipe) -> None:
        self._incoming, self._outgoing = incoming, outgoing
        self.close_code: int | None = None
        self.last_words: Callable[[PeerError], list[str]] | None = None

    async def receive(self) -> WSMessage:
        message = await self._incoming.receive()
        if message.type is CLOSE:
            self.close_code = message.data
        return message

    async def send_str(self, text: str) -> None:
        await self._outgoing.send(WSMsgType.TEXT, text)

    async def answer(self, ping: bytes) -> None:
        raise AssertionError("no client here pings")

    async def probe(self) -> bool:
        return True

    async def close(self, *, code: int, message: bytes) -> bool:
        with suppress(ConnectionError):
            await self._outgoing.send(CLOSE, code)
            while self.close_code is None:
                if (await self.receive()).type is WSMsgType.CLOSED:
                    break
        self.close_code = self.close_code or 1006
        return True


class ClientEnd:
    """The client's side; every frame it handles may be the last."""

    def __init__(self, incoming: Pipe, outgoing: Pipe, use: Callable[[], None]) -> None:
        self._incoming, self._outgoing, self._use = incoming, outgoing, use
        self.close_code: int | None = None

    async def send_str(self, data: str) -> None:
        self._use()
        await self._outgoing.send(WSMsgType.TEXT, data)

    async def send_bytes(self, data: bytes) -> None:
        self._use()
        await self._outgoing.send(WSMsgType.BINARY, data)

    async def receive(self) -> WSMessage:
        self._use()
        message = await self._incoming.receive()
        if message.type is CLOSE:
            self.close_code = message.data
            await self._leave(message.data)
        return message

    async def close(self) -> bool:
        await self._leave(1000)
        return True

    async def _leave(self, code: int) -> None:
        if not self._outgoing.is_told_sender:
            await self._outgoing.send(CLOSE, code)
            self._outgoing.is_told_sender = True


class BreakingNetwork:
    """
    Connect clients to a server, and cut each connection after some frames.

    Half of the cuts are seen by both sides at once; of the others the server learns
    only when the client has come back, if at all.
    """

    def __init__(self, shared: Shared, chance: random.Random, *, cuts: int) -> None:
        self.cuts_left = cuts
        self.connections: list[asyncio.Task[None]] = []
        self._shared = shared
        self._chance = chance
        self._unaware: list[Pipe] = []

    async def open(self, _url: str) -> ClientEnd:
        await asyncio.sleep(0)
        if self._chance.random() < 0.5:
            self._tell_server()
        up, down = Pipe(), Pipe()
        self._serve(ServerEnd(up, down))
        frames_left = self._chance.randrange(1, 60)

        def use() -> None:
            nonlocal frames_left
            frames_left -= 1
            if frames_left == 0 and self.cuts_left > 0:
                self.cuts_left -= 1
                self._cut(up, down)

        return ClientEnd(down, up, use)

    async def close(self) -> None:
        """Cut what is left, and wait for the server to notice."""
        self._tell_server()
        await asyncio.gather(*self.connections)

    def _serve(self, end: ServerEnd) -> None:
        connection = Connection(
            end,
            self._shared,
            dialect=NativeDialect(self._shared.defaults),
            limits=self._shared.config.limits,
            entry=Entry(self._shared, None),
            abort=lambda: None,
            log=LOG,
        )
        self.connections.append(asyncio.create_task(connection.run()))

    def _cut(self, up: Pipe, down: Pipe) -> None:
        up.cut(self._chance.randrange(8))
        down.cut(self._chance.randrange(8))
        down.tell_receiver()
        up.is_told_sender = True
        self._unaware += [up, down]
        if self._chance.random() < 0.5:
            self._tell_server()

    def _tell_server(self) -> None:
        while self._unaware:
            pipe = self._unaware.pop()
            pipe.tell_receiver()
            pipe.is_told_sender = True
