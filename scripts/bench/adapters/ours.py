"""This repository's server, spoken to in its native dialect without its client."""

import asyncio
import contextlib
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from scripts.bench.adapters.pace import send_paced
from scripts.bench.adapters.process import ServerProcess, Usage
from scripts.bench.audio import StreamAudio
from scripts.bench.report import build_name
from scripts.bench.timeline import (
    SentFrame,
    SettledText,
    ShownText,
    SpeechMark,
    Timeline,
)
from whispercpp_ws.errors import SpeechError
from whispercpp_ws.events import (
    AudioFormat,
    End,
    Ended,
    Failed,
    Final,
    Partial,
    SessionOptions,
    SpeechEnded,
    SpeechStarted,
    Start,
)
from whispercpp_ws.protocols.native_commands import encode_command
from whispercpp_ws.protocols.native_events import ServerMessage, decode_message


LISTENING = re.compile(r"Listening on (http://\S+) \(.*?\), (model .+)\n")
FINALS_S = 120.0
"""Longest wait for the last message after the audio has ended."""
COUNTER = re.compile(
    r"^whispercpp_ws_(?P<name>decode_cpu_seconds|vad_cpu_seconds|encoder_flops|"
    r"(?:decode|queue|lane|final)_seconds)_(?P<part>total|sum|count)"
    r'(?:\{\w+="(?P<label>\w+)"\})? (?P<value>\S+)$',
    re.M,
)
"""A sample of one of the counters and histograms that say where time goes."""


@dataclass(frozen=True, slots=True)
class OurOptions:
    """How to start the server."""

    model: str
    quant: str
    endpoint_ms: int
    more: tuple[str, ...] = ()
    """Further flags of `whispercpp-ws serve`."""

    @property
    def command(self) -> list[str]:
        """Return the command line, on a free port of this machine."""
        command = [sys.executable, "-m", "whispercpp_ws", "serve", "--port", "0"]
        command += ["--model", self.model, "--quant", self.quant]
        return [*command, "--endpoint", str(self.endpoint_ms), *self.more]


class OurServer:
    """An adapter; see `base.Adapter`."""

    has_finals = True

    def __init__(self, options: OurOptions, log: Path) -> None:
        self._options = options
        self._log = log
        self._process: ServerProcess | None = None
        self._url = ""
        self.title = "whispercpp-ws"

    @property
    def build(self) -> str:
        """Name this checkout's versions."""
        return build_name()

    async def start(self) -> None:
        """Start it and wait until it listens."""
        self._process = ServerProcess.spawn(self._options.command, self._log)
        found = await self._process.wait_for(LISTENING)
        self._url = found[1]
        self.title = f"whispercpp-ws, {found[2]}"

    async def stream(self, audio: StreamAudio, language: str) -> Timeline:
        """Send a clip at real-time pace and note every message."""
        return await stream_to(f"{self._url}/stt", audio, language)

    def usage(self) -> Usage:
        """Measure the gateway and its engine process."""
        return self._started().usage()

    async def counters(self) -> dict[str, float]:
        """Return what it counts, see `read_counters`; nothing when it is gone."""
        try:
            async with aiohttp.ClientSession() as http:
                async with http.get(f"{self._url}/metrics") as response:
                    return read_counters(await response.text())
        except aiohttp.ClientError:
            # The clip that is streamed now fails, and says why.
            return {}

    async def stop(self) -> None:
        """End the server."""
        await self._started().stop()

    def _started(self) -> ServerProcess:
        if self._process is None:
            raise RuntimeError("expected a started server")
        return self._process


async def stream_to(url: str, audio: StreamAudio, language: str) -> Timeline:
    """Run one session on a connection of its own."""
    try:
        async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
            return await _session(socket, audio, language)
    except (TimeoutError, aiohttp.ClientError) as error:
        return Timeline(failure=f"{type(error).__name__}: {error}")


async def _session(
    socket: aiohttp.ClientWebSocketResponse, audio: StreamAudio, language: str
) -> Timeline:
    form = AudioFormat(rate=audio.rate, channels=audio.channels)
    options = SessionOptions(audio=form, language=language)
    await socket.send_str(encode_command(Start(options)))
    first = await socket.receive(FINALS_S)
    failure = _failure_of(first)
    if failure:
        return Timeline(failure=failure)
    start_s = time.monotonic()
    receiving = asyncio.create_task(_receive(socket, start_s))
    try:
        sent = await send_paced(socket, audio.frames(), start_s)
        # A server that closes says why in its last message, which is received apart.
        with contextlib.suppress(ConnectionError):
            await socket.send_str(encode_command(End()))
        async with asyncio.timeout(FINALS_S):
            messages, failure = await receiving
    finally:
        receiving.cancel()
    return as_timeline(sent, messages, time.monotonic() - start_s, failure)


Received = list[tuple[float, ServerMessage]]


async def _receive(
    socket: aiohttp.ClientWebSocketResponse, start_s: float
) -> tuple[Received, str]:
    messages: Received = []
    async for message in socket:
        at_s = time.monotonic() - start_s
        failure = _failure_of(message)
        if failure:
            return messages, failure
        messages.append((at_s, decode_message(message.data)))
    if messages and isinstance(messages[-1][1].event, Ended):
        return messages, ""
    return messages, f"closed with {socket.close_code} before the end"


def _failure_of(message: aiohttp.WSMessage) -> str:
    if message.type is not aiohttp.WSMsgType.TEXT:
        return f"expected a text frame, got {message.type.name}"
    try:
        event = decode_message(message.data).event
    except SpeechError as error:
        return str(error)
    return str(event.error) if isinstance(event, Failed) else ""


def as_timeline(
    sent: Sequence[SentFrame],
    messages: Received,
    closed_s: float,
    failure: str = "",
) -> Timeline:
    """Sort messages by what they are."""
    speech: list[SpeechMark] = []
    shown: list[ShownText] = []
    settled: list[SettledText] = []
    for at_s, message in messages:
        match message.event:
            case SpeechStarted(position_s):
                speech.append(SpeechMark(at_s, True, position_s))
            case SpeechEnded(position_s):
                speech.append(SpeechMark(at_s, False, position_s))
            case Partial(utterance, text, stable):
                shown.append(ShownText(at_s, utterance, text, stable))
            case Final() as final:
                settled.append(_settled(at_s, final, message.lag_ms))
    return Timeline(
        tuple(sent), tuple(speech), tuple(shown), tuple(settled), closed_s, failure
    )


def _settled(at_s: float, final: Final, lag_ms: int | None) -> SettledText:
    return SettledText(
        at_s=at_s,
        utterance=final.utterance,
        text=final.text,
        start_s=final.start_s,
        end_s=final.end_s,
        language=final.language,
        words=final.words or (),
        lag_s=None if lag_ms is None else lag_ms / 1000,
    )


def read_counters(exposition: str) -> dict[str, float]:
    """
    Read what is counted of decodes out of Prometheus text.

    A counter is named as in "decode_cpu_seconds.partial", the sum and the count of a
    histogram as in "queue_seconds.final.sum".
    """
    found = {}
    for sample in COUNTER.finditer(exposition):
        part = "" if sample["part"] == "total" else sample["part"]
        name = ".".join(filter(None, (sample["name"], sample["label"], part)))
        found[name] = float(sample["value"])
    return found
