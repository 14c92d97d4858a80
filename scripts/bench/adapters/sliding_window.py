"""
The home-made server of `baselines/sliding_window.py`.

What it sends is the text of the last 8 s, over and over. A text is never done, so the
run has no finals (see `unsettled`): no word error rate and no delay of a final, rather
than flattering or damning ones for a text that its user never gets. When the first
text appears can be said: words count that are still there in the end. The end is what
the windows come to when each continues the one before at the longest run of words
both have, which is more than the server does.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Sequence
from difflib import SequenceMatcher
from pathlib import Path

import aiohttp

from scripts.bench.adapters.environment import Environment
from scripts.bench.adapters.pace import as_pcm16, mono_16k_frames, send_paced
from scripts.bench.adapters.process import ServerProcess, Usage
from scripts.bench.audio import StreamAudio
from scripts.bench.baselines.sliding_window import STEP_S, WINDOW_S
from scripts.bench.timeline import SentFrame, SettledText, ShownText, Timeline
from scripts.bench.words import plain_words


LAST_TEXT_S = 120.0
"""Longest wait for what is still to be transcribed when the audio has ended."""

Received = list[tuple[float, str]]
"""When each text came, and the text."""


class SlidingWindow:
    """An adapter; see `base.Adapter`."""

    has_finals = False

    def __init__(self, environment: Environment, log: Path) -> None:
        self._environment = environment
        self._log = log
        self._process: ServerProcess | None = None
        self._url = ""
        self.title = f"sliding window of faster-whisper, {environment.ct2.name}, int8"
        self.build = ""

    async def start(self) -> None:
        """Start it and wait until the model is loaded."""
        self.build = await self._environment.versions("faster-whisper", "ctranslate2")
        self._process, port = await self._environment.serve(
            "sliding_window.py", str(self._environment.ct2), log=self._log
        )
        self._url = f"http://127.0.0.1:{port}/"

    async def stream(self, audio: StreamAudio, language: str) -> Timeline:
        """Send a clip at real-time pace and note every text."""
        return await stream_to(self._url, audio, language)

    def usage(self) -> Usage:
        """Measure the server."""
        return self._started().usage()

    async def counters(self) -> dict[str, float]:
        """Return nothing: it counts nothing."""
        return {}

    async def stop(self) -> None:
        """End the server."""
        await self._started().stop()

    def _started(self) -> ServerProcess:
        if self._process is None:
            raise RuntimeError("expected a started server")
        return self._process


async def stream_to(url: str, audio: StreamAudio, language: str) -> Timeline:
    """Run one stream on a connection of its own."""
    query = {"language": "" if language == "auto" else language}
    try:
        async with aiohttp.ClientSession() as http:
            async with http.ws_connect(url, params=query) as socket:
                return await _stream(socket, audio)
    except (TimeoutError, aiohttp.ClientError) as error:
        return Timeline(failure=f"{type(error).__name__}: {error}")


async def _stream(
    socket: aiohttp.ClientWebSocketResponse, audio: StreamAudio
) -> Timeline:
    start_s = time.monotonic()
    receiving = asyncio.create_task(_receive(socket, start_s))
    try:
        frames = map(as_pcm16, mono_16k_frames(audio))
        sent = await send_paced(socket, frames, start_s)
        with contextlib.suppress(ConnectionError):
            await socket.send_str("end")
        async with asyncio.timeout(LAST_TEXT_S):
            received = await receiving
    finally:
        receiving.cancel()
    failure = "" if socket.close_code == 1000 else f"closed with {socket.close_code}"
    closed_s = time.monotonic() - start_s
    return as_timeline(sent, received, audio, closed_s, failure)


async def _receive(socket: aiohttp.ClientWebSocketResponse, start_s: float) -> Received:
    received: Received = []
    async for message in socket:
        at_s = time.monotonic() - start_s
        received.append((at_s, str(json.loads(message.data)["text"])))
    return received


def as_timeline(
    sent: Sequence[SentFrame],
    received: Received,
    audio: StreamAudio,
    closed_s: float,
    failure: str = "",
) -> Timeline:
    """Return the windows as one utterance, and what they come to as its text."""
    spoken_s = audio.lead_s + audio.seconds
    shown = tuple(ShownText(at_s, 1, text) for at_s, text in received)
    said = [at_s for at_s, text in received if text]
    text = merged([text for _, text in received])
    settled = (SettledText(said[-1], 1, text, audio.lead_s, spoken_s),) if text else ()
    return Timeline(
        tuple(sent), shown=shown, settled=settled, closed_s=closed_s, failure=failure
    )


def merged(texts: Sequence[str]) -> str:
    """Join the texts of all windows of a stream, the first of which begin with it."""
    words: list[str] = []
    window: list[str] = []
    for number, text in enumerate(texts, start=1):
        before, window = window, text.split()
        has_all = number * STEP_S <= WINDOW_S
        words = window if has_all else continued(words, len(before), window)
    return " ".join(words)


def continued(words: list[str], last: int, window: list[str]) -> list[str]:
    """
    Replace the end of a text by a window that begins before it.

    The window continues it after the longest run of words that it has in common with
    the `last` ones, which are those of the window before; without any, after the end.
    """
    first = len(words) - last
    matcher = SequenceMatcher(None, _keys(words[first:]), _keys(window), autojunk=False)
    match = matcher.find_longest_match()
    if not match.size:
        return words + window
    return words[: first + match.a] + window[match.b :]


def _keys(words: Sequence[str]) -> list[str]:
    return [" ".join(plain_words(word)) for word in words]
