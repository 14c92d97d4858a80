"""Send audio to a server and show what comes back, at the same time."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass

from whispercpp_ws.cli.messages import Display
from whispercpp_ws.client.client import DEFAULT_URL, TranscriptionClient
from whispercpp_ws.config.kinds import KEY_FILE
from whispercpp_ws.config.table import ENVIRONMENT_PREFIX
from whispercpp_ws.errors import ServiceError, SpeechError
from whispercpp_ws.events import AudioFormat, Failed, SessionOptions


TOKEN_VARIABLE = ENVIRONMENT_PREFIX + "TOKEN"


@dataclass(frozen=True, slots=True)
class Service:
    """Which server, and what is wanted of it."""

    url: str = DEFAULT_URL
    language: str = "auto"
    translate: bool = False
    token: str | None = None

    def options(self, audio: AudioFormat) -> SessionOptions:
        """Return the session's options for audio of a format."""
        return SessionOptions(
            audio=audio, language=self.language, translate=self.translate
        )


async def converse(
    service: Service,
    audio_format: AudioFormat,
    audio: AsyncIterator[bytes],
    display: Display,
) -> None:
    """
    Send all audio and show every message as it comes.

    Raises:
        BadAudio: the audio cannot be read; what could be was sent.
        ServiceError: no server answers, or the connection was lost.
        SpeechError: the error that the server sent.
    """
    async with await TranscriptionClient.connect(
        service.url,
        service.options(audio_format),
        token=service.token,
        note=display.note,
    ) as client:
        sender = asyncio.create_task(_send(client, audio))
        try:
            await _receive(client, display)
        finally:
            sender.cancel()
            (sent,) = await asyncio.gather(sender, return_exceptions=True)
    if isinstance(sent, SpeechError):
        raise sent


def token_from(path: str | None) -> str | None:
    """Read the token of `--token-file`, or else of the environment."""
    if path is not None:
        return KEY_FILE.read(path, "--token-file")
    return os.environ.get(TOKEN_VARIABLE) or None


async def _send(client: TranscriptionClient, audio: AsyncIterator[bytes]) -> None:
    # A lost connection ends the receiving side too, which knows the reason.
    with contextlib.suppress(ServiceError):
        try:
            async for block in audio:
                await client.send_audio(block)
        finally:
            await client.end()


async def _receive(client: TranscriptionClient, display: Display) -> None:
    async for message in client:
        display.show(message)
        if isinstance(message.event, Failed):
            raise message.event.error
