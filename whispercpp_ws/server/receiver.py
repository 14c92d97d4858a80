"""Read frames from the socket into the inbox; the only caller of `receive()`."""

import asyncio

from aiohttp import WSMessage, WSMsgType

from whispercpp_ws.access.limits import MessageRate
from whispercpp_ws.config import LimitConfig
from whispercpp_ws.errors import PeerError
from whispercpp_ws.metrics import Metrics
from whispercpp_ws.protocols.base import Dialect, Input
from whispercpp_ws.server.deadlines import Deadlines
from whispercpp_ws.server.inbox import Inbox, PeerClosed
from whispercpp_ws.server.socket import FrameSocket, too_large


YIELD_EVERY_FRAMES = 256
"""Reading frames that are already here never yields; 256 of them take about 3 ms."""


class FrameReceiver:
    """Translate each frame and put it into the inbox, until the peer is done."""

    def __init__(
        self,
        socket: FrameSocket,
        *,
        dialect: Dialect,
        inbox: Inbox,
        deadlines: Deadlines,
        limits: LimitConfig,
        metrics: Metrics,
    ) -> None:
        self._socket = socket
        self._dialect = dialect
        self._inbox = inbox
        self._deadlines = deadlines
        self._limits = limits
        self._text_frames = metrics.frames.labels("text")
        self._binary_frames = metrics.frames.labels("binary")
        self._rate = MessageRate()
        self._loop = asyncio.get_running_loop()

    async def run(self) -> bool:
        """Read until the peer closes (True) or is gone (False)."""
        frames = 0
        self._put(self._dialect.receive_open(), self._loop.time())
        while True:
            await self._inbox.wait_for_room()
            message = await self._socket.receive()
            if message.type is WSMsgType.CLOSE:
                self._inbox.put(PeerClosed(message.data or 0))
                return True
            if message.type is WSMsgType.PING:
                await self._socket.answer(message.data)
            elif message.type is WSMsgType.PONG:
                self._deadlines.note_sign()
            elif message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
                self._take(message)
            else:
                return False
            # Or it would be held, up to 1 MB of it, until the next one comes.
            del message
            frames += 1
            if frames % YIELD_EVERY_FRAMES == 0:
                await asyncio.sleep(0)

    def _take(self, message: WSMessage) -> None:
        now_s = self._loop.time()
        self._deadlines.note_frame(now_s=now_s)
        try:
            self._check_size(message)
            self._translate(message, now_s)
        except PeerError as error:
            # In its place in the order: what came before is answered first.
            self._inbox.put(error)

    def _check_size(self, message: WSMessage) -> None:
        # Characters of a text frame are at most its bytes; 2x is refused before us.
        if len(message.data) > self._limits.max_frame_bytes:
            raise too_large(self._limits)

    def _translate(self, message: WSMessage, now_s: float) -> None:
        if message.type is WSMsgType.TEXT:
            self._text_frames.inc()
            inputs = self._dialect.receive_text(message.data)
            if not any(isinstance(item, bytes) for item in inputs):
                # Audio in text frames is bounded by the backlog, as in binary ones.
                self._rate.take(now_s)
        else:
            self._binary_frames.inc()
            inputs = self._dialect.receive_binary(message.data)
        self._put(inputs, now_s)

    def _put(self, inputs: list[Input], now_s: float) -> None:
        for item in inputs:
            if isinstance(item, bytes):
                self._deadlines.note_audio(now_s=now_s)
                self._inbox.put_audio(item, at_s=now_s)
            else:
                self._inbox.put(item)
