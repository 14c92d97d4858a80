"""
Transcribe a file as a session hears it: the same scheduler, guards and word times.

A file is a stream that comes as fast as decodes allow, so that one long upload takes
turns with live sessions, needs no memory by its length, and says its finals as they
come. On a path of its own to a lane it would hold that lane for minutes.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from whispercpp_ws.audio_file import AudioFile
from whispercpp_ws.errors import BadAudio
from whispercpp_ws.events import (
    AudioFormat,
    Ended,
    Event,
    Failed,
    Final,
    SessionOptions,
    Start,
)
from whispercpp_ws.protocols.recording import Recording
from whispercpp_ws.server.arrival import ArrivalTimes
from whispercpp_ws.server.keys import Shared
from whispercpp_ws.server.negotiate import accepted_options
from whispercpp_ws.server.pump import Log, SessionDecoder, SessionPump


MIN_RATE, MAX_RATE = 8_000, 192_000
MAX_CHANNELS = 8
SESSION_ID_BYTES = 12


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a file is wanted."""

    offset_s: float = 0.0
    duration_s: float = 0.0
    """0 is all there is."""


WHOLE = Part()


class FileTranscription:
    """One file on its way through a session."""

    def __init__(
        self, file: AudioFile, options: SessionOptions, shared: Shared, log: Log
    ) -> None:
        info = shared.decoder.info
        audio = AudioFormat(rate=file.rate, channels=file.channels)
        options = accepted_options(Start(replace(options, audio=audio)), info)
        self._file = file
        self._audio = audio
        self._shared = shared
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        session_id = secrets.token_urlsafe(SESSION_ID_BYTES)
        decoder = SessionDecoder(
            shared.decoder,
            session_id,
            metrics=shared.metrics,
            log=log,
            shedding=shared.shedding(session_id),
            on_settled=shared.note_settled,
        )
        self._pump = SessionPump(
            shared.open_session(options),
            audio=audio,
            decoder=decoder,
            arrivals=ArrivalTimes(),
            pause_backlog_s=shared.config.limits.pause_backlog_s,
            emit=self._events.put_nowait,
            note_pause=lambda is_paused: None,
        )
        self.seconds = 0.0
        """How much of it was heard."""

    async def finals(self, part: Part = WHOLE) -> AsyncGenerator[Final, None]:
        """
        Yield each final as it is decoded, with times of the file.

        Raises:
            BadAudio: the file is damaged. SpeechError: a decode failed for good.
        """
        feeding = asyncio.create_task(self._feed(part))
        try:
            while not isinstance(event := await self._events.get(), Ended):
                if isinstance(event, Failed):
                    raise event.error
                if isinstance(event, Final):
                    yield moved(event, part.offset_s)
            await feeding
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
            await self._pump.close()

    async def _feed(self, part: Part) -> None:
        try:
            await self._hear(part)
        except BadAudio:
            # The reader's own words name the temporary file.
            why = "file: expected sound audio, got a damaged file"
            self._events.put_nowait(Failed(BadAudio(why, field="file")))

    async def _hear(self, part: Part) -> None:
        loop = asyncio.get_running_loop()
        blocks = self._file.blocks(self._audio.rate)
        for block in cut(blocks, self._audio, part):
            await self._pump.hear(bytearray(block), arrived_s=loop.time())
        self.seconds = self._pump.received_s
        self._shared.metrics.audio_s.inc(self.seconds)
        self._pump.end()


def open_upload(path: Path) -> AudioFile:
    """
    Open a file that a peer has sent; the messages say nothing of where it lies.

    Raises:
        BadAudio: it is no audio file, or of a rate or channels that are not read.
    """
    try:
        file = AudioFile.open(path)
    except BadAudio:
        raise BadAudio(
            "file: expected WAV, FLAC, OGG or MP3, got something else", field="file"
        ) from None
    if MIN_RATE <= file.rate <= MAX_RATE and file.channels <= MAX_CHANNELS:
        return file
    file.close()
    raise BadAudio(
        f"file: expected {MIN_RATE} to {MAX_RATE} samples per second and at most "
        f"{MAX_CHANNELS} channels, got {file.rate} and {file.channels}",
        field="file",
    )


async def transcribed(work: FileTranscription, part: Part = WHOLE) -> Recording:
    """Return what a file says as a whole; raises what `finals` does."""
    async with aclosing(work.finals(part)) as finals:
        return recording_of(work, [final async for final in finals])


def recording_of(work: FileTranscription, finals: list[Final]) -> Recording:
    """Put finals together; the language is that of most of them."""
    languages = Counter(final.language for final in finals)
    language = languages.most_common(1)[0][0] if languages else "en"
    return Recording(work.seconds, language, tuple(finals))


def cut(blocks: Iterator[bytes], audio: AudioFormat, part: Part) -> Iterator[bytes]:
    """Pass on the blocks within a part, the first and last cut to it."""
    skip = int(part.offset_s * audio.rate) * audio.frame_bytes
    left = int(part.duration_s * audio.rate) * audio.frame_bytes
    is_bounded = left > 0
    for block in blocks:
        wanted, skip = block[skip:], max(0, skip - len(block))
        if is_bounded:
            wanted, left = wanted[:left], left - len(wanted)
        if wanted:
            yield wanted
        if is_bounded and left <= 0:
            return


def moved(final: Final, by_s: float) -> Final:
    """Return a final at later times."""
    words = tuple(word.shifted(by_s) for word in final.words or ())
    return replace(
        final,
        start_s=final.start_s + by_s,
        end_s=final.end_s + by_s,
        words=None if final.words is None else words,
    )
