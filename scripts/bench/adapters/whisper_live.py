"""
WhisperLive's server, spoken to as its own Python client does by default.

It sends a list of segments again and again: the last ten completed ones and, at the
end, one that is still open. An open text is shown, and a completed one settled, once;
the open one has the number that it will have when it is completed.

What it has heard when the audio ends is dropped, and the last segment completes only
when several decodes in a row have found the same. So the microphone stays open after
the clip and its silence: more silence follows at the same pace until no text is open,
the completed one reaches the clip's last sound and nothing has come for 5 s, or
until 30 s have passed. A text that is open then has never been completed, which
is a failure of the clip and is counted as such; what was completed is scored all the
same. The CPU time of that silence counts too.
"""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import aiohttp

from scripts.bench.adapters.environment import Environment
from scripts.bench.adapters.pace import (
    FRAME_SAMPLES,
    as_float32,
    mono_16k_frames,
    send_paced,
)
from scripts.bench.adapters.process import BenchError, ServerProcess, Usage
from scripts.bench.audio import StreamAudio, speech_bounds
from scripts.bench.timeline import SentFrame, SettledText, ShownText, Timeline


SOUND_AFTER_TEXT_S = 1.5
"""How much earlier than a clip's last sound its last segment may end."""
READY_S = 120.0
"""Longest wait for its word that it is ready, the first of which loads the model."""
CLOSE_S = 30.0
"""Longest wait for its close: a decode that has begun is not broken off."""

END = b"END_OF_AUDIO"
SILENCE = bytes(4 * FRAME_SAMPLES)


class WhisperLive:
    """An adapter; see `base.Adapter`."""

    has_finals = True

    def __init__(self, environment: Environment, log: Path) -> None:
        self._environment = environment
        self._log = log
        self._process: ServerProcess | None = None
        self._url = ""
        self.title = f"WhisperLive, faster-whisper, {environment.ct2.name}, int8"
        self.build = ""

    async def start(self) -> None:
        """Start it, and have it load its model for a client who says nothing."""
        self.build = await self._environment.versions(
            "whisper-live", "faster-whisper", "ctranslate2", "torch"
        )
        # A model whose name ends in "en" it takes for English-only: so it ends in "/".
        self._process, port = await self._environment.serve(
            "whisper_live_server.py", "-fw", f"{self._environment.ct2}/", log=self._log
        )
        self._url = f"http://127.0.0.1:{port}/"
        try:
            await _load_model(self._url)
        except BenchError:
            await self.stop()
            raise

    async def stream(self, audio: StreamAudio, language: str) -> Timeline:
        """Send a clip and the silence it needs, and note every text."""
        return await stream_to(self._url, audio, language)

    def usage(self) -> Usage:
        """Measure the server."""
        return self._started().usage()

    async def counters(self) -> dict[str, float]:
        """Return nothing: it counts nothing by default."""
        return {}

    async def stop(self) -> None:
        """End the server."""
        await self._started().stop()

    def _started(self) -> ServerProcess:
        if self._process is None:
            raise RuntimeError("expected a started server")
        return self._process


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client that has sent its audio waits."""

    quiet_s: float = 5.0
    """Without a message for this long a text that seems complete is complete."""
    give_up_s: float = 30.0
    """Longest wait for the last text to be completed."""


PATIENCE = Patience()


@dataclass(frozen=True, slots=True)
class Segment:
    """One text, with its place in the stream."""

    start_s: float
    end_s: float
    text: str
    is_completed: bool


@dataclass(frozen=True, slots=True)
class Update:
    """One message with segments."""

    at_s: float
    segments: tuple[Segment, ...]

    @property
    def open_text(self) -> str:
        """The text that is not completed; empty when there is none."""
        return " ".join(s.text for s in self.segments if not s.is_completed)


@dataclass(frozen=True, slots=True)
class AudioEnd:
    """Where a client's audio ends, in session seconds, and what follows."""

    sent_s: float
    sound_s: float | None
    """The last sound; None where all is silent."""
    patience: Patience = PATIENCE

    @property
    def least_completed_s(self) -> float:
        """How far completed text must reach to be all of it."""
        return 0.0 if self.sound_s is None else self.sound_s - SOUND_AFTER_TEXT_S

    @classmethod
    def of(cls, audio: StreamAudio, patience: Patience) -> "AudioEnd":
        """Find the end of a clip."""
        bounds = speech_bounds(audio)
        return cls(audio.total_s, bounds.end_s if bounds else None, patience)


@dataclass(slots=True)
class Received:
    """What has come so far, and what went wrong."""

    updates: list[Update] = field(default_factory=list)
    failure: str = ""
    has_ended: bool = False
    """Whether the client waits for no more text."""

    @property
    def open_text(self) -> str:
        """The text that was open in the latest update."""
        return self.updates[-1].open_text if self.updates else ""

    def take(self, at_s: float, told: Mapping[str, Any]) -> None:
        """Take one message in."""
        if "segments" in told:
            self.updates.append(Update(at_s, segments_of(told)))
        self.failure = self.failure or failure_of(told)

    @property
    def completed_s(self) -> float:
        """Where the completed text ends; 0 without any."""
        segments = self.updates[-1].segments if self.updates else ()
        return max((s.end_s for s in segments if s.is_completed), default=0.0)

    def is_over(self, now_s: float, audio: AudioEnd) -> bool:
        """Tell whether a client who has sent all its audio can stop waiting."""
        latest_s = max((update.at_s for update in self.updates[-1:]), default=0.0)
        is_quiet = now_s - max(latest_s, audio.sent_s) >= audio.patience.quiet_s
        has_all = not self.open_text and self.completed_s >= audio.least_completed_s
        has_waited = now_s - audio.sent_s >= audio.patience.give_up_s
        return bool(self.failure) or has_waited or (is_quiet and has_all)

    def end(self) -> None:
        """Wait for no more text: one that is open now was never completed."""
        self.has_ended = True
        if self.open_text and not self.failure:
            self.failure = f"never completed: {self.open_text}"

    def take_close(self, code: int | None) -> None:
        """Note that the server has closed, which it may once all has ended."""
        if not self.has_ended and not self.failure:
            self.failure = f"closed with {code} before the end"


async def stream_to(
    url: str, audio: StreamAudio, language: str, patience: Patience = PATIENCE
) -> Timeline:
    """Run one stream on a connection of its own."""
    try:
        async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
            failure = await _begin(socket, language)
            if failure:
                return Timeline(failure=failure)
            return await _stream(socket, audio, patience)
    except (TimeoutError, ConnectionError, aiohttp.ClientError) as error:
        return Timeline(failure=f"{type(error).__name__}: {error}")


async def _load_model(url: str) -> None:
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
        failure = await _begin(socket, "en")
        if failure:
            raise BenchError(f"WhisperLive: {failure}")
        await socket.send_bytes(END)
        await socket.receive(CLOSE_S)


async def _begin(socket: aiohttp.ClientWebSocketResponse, language: str) -> str:
    """Ask for a session; returns why there is none, or nothing."""
    await socket.send_str(json.dumps(options(language)))
    message = await socket.receive(READY_S)
    if message.type is not aiohttp.WSMsgType.TEXT:
        return f"expected SERVER_READY, got {message.type.name}"
    told = json.loads(message.data)
    return "" if told.get("message") == "SERVER_READY" else failure_of(told)


async def _stream(
    socket: aiohttp.ClientWebSocketResponse, audio: StreamAudio, patience: Patience
) -> Timeline:
    start_s = time.monotonic()
    received = Received()
    receiving = asyncio.create_task(_receive(socket, start_s, received))
    try:
        end = AudioEnd.of(audio, patience)
        frames = chain(_clip(audio), _silence(received, end, start_s))
        sent = await send_paced(socket, frames, start_s)
        received.end()
        with contextlib.suppress(ConnectionError):
            await socket.send_bytes(END)
        async with asyncio.timeout(CLOSE_S):
            await receiving
    finally:
        receiving.cancel()
    return as_timeline(sent, received, time.monotonic() - start_s)


def _clip(audio: StreamAudio) -> Iterator[bytes]:
    return map(as_float32, mono_16k_frames(audio))


def _silence(received: Received, end: AudioEnd, start_s: float) -> Iterator[bytes]:
    while not received.is_over(time.monotonic() - start_s, end):
        yield SILENCE


async def _receive(
    socket: aiohttp.ClientWebSocketResponse, start_s: float, received: Received
) -> None:
    async for message in socket:
        received.take(time.monotonic() - start_s, json.loads(message.data))
    received.take_close(socket.close_code)


def options(language: str) -> dict[str, object]:
    """Return the first message of the Python client 0.10 with its defaults."""
    return {
        "uid": str(uuid.uuid4()),
        "language": None if language == "auto" else language,
        "task": "transcribe",
        # The server has a model of its own and does not look at this one.
        "model": "small",
        "use_vad": True,
        "send_last_n_segments": 10,
        "no_speech_thresh": 0.45,
        "clip_audio": False,
        "same_output_threshold": 10,
        "enable_translation": False,
        "target_language": "fr",
        "hotwords": None,
        "enable_diarization": False,
        "max_speakers": 10,
        "known_speakers": [],
        "word_timestamps": False,
        "initial_prompt": None,
        "vad_parameters": None,
    }


def failure_of(told: Mapping[str, Any]) -> str:
    """Return what a message says went wrong; empty where nothing did."""
    match told:
        case {"status": "WAIT", "message": minutes}:
            return f"the server is full for {minutes:.1f} min"
        case {"status": "ERROR", "message": why}:
            return str(why)
        case {"message": "DISCONNECT"}:
            return "the server ended a connection that it found too long"
    return ""


def segments_of(told: Mapping[str, Any]) -> tuple[Segment, ...]:
    """Read the segments of a message; other messages have none."""
    return tuple(
        Segment(
            start_s=float(segment["start"]),
            end_s=float(segment["end"]),
            text=str(segment["text"]).strip(),
            is_completed=bool(segment.get("completed")),
        )
        for segment in told.get("segments", ())
    )


def as_timeline(
    sent: Sequence[SentFrame], received: Received, closed_s: float
) -> Timeline:
    """Settle each completed segment where it first came, and show the open ones."""
    shown: list[ShownText] = []
    settled: dict[Segment, SettledText] = {}
    for update in received.updates:
        for segment in update.segments:
            if segment.is_completed and segment not in settled:
                number = len(settled) + 1
                settled[segment] = _settled(update.at_s, number, segment)
        if update.open_text:
            shown.append(ShownText(update.at_s, len(settled) + 1, update.open_text))
    return Timeline(
        sent=tuple(sent),
        shown=tuple(shown),
        settled=tuple(settled.values()),
        closed_s=closed_s,
        failure=received.failure,
    )


def _settled(at_s: float, number: int, segment: Segment) -> SettledText:
    return SettledText(at_s, number, segment.text, segment.start_s, segment.end_s)
