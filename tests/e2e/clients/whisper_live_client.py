"""
WhisperLive's own clients: python whisper_live_client.py file|stream PORT WAV SRT.

The package wants PyAudio, which is built from source and needs a microphone; a module
without one stands for it. Nothing of the package is changed.
"""

import json
import sys
import wave
from types import ModuleType


class NoMicrophone:
    """PyAudio on a machine without a microphone."""

    def open(self, **_options: object) -> None:
        raise OSError("no microphone")

    def terminate(self) -> None:
        pass


pyaudio = ModuleType("pyaudio")
vars(pyaudio).update(PyAudio=NoMicrophone, paInt16=8)
sys.modules["pyaudio"] = pyaudio

from whisper_live import client as whisper_live  # noqa: E402


def play_file(port: int, wav: str, srt: str) -> str:
    """Play at real-time pace, wait for quiet, and write the SRT."""
    client = whisper_live.TranscriptionClient(
        "127.0.0.1",
        port,
        lang="en",
        mute_audio_playback=True,
        log_transcription=False,
        output_transcription_path=srt,
    )
    # Of the 15 s without a new text that it waits by default.
    client.client.disconnect_if_no_response_for = 5
    return str(client(wav))


def stream(port: int, wav: str) -> str:
    """Send as fast as it goes, and have the rest completed at the end."""
    with wave.open(wav) as audio:
        pcm = audio.readframes(audio.getnframes())
    client = whisper_live.StreamingTranscriptionClient("127.0.0.1", port)
    with client:
        for start in range(0, len(pcm), 6400):
            client.send(pcm[start : start + 6400])
        client.close(timeout=120)
    return " ".join(segment["text"].strip() for segment in client.transcript)


def main(mode: str, port: str, wav: str, srt: str) -> None:
    text = play_file(int(port), wav, srt) if mode == "file" else stream(int(port), wav)
    print(json.dumps({"text": text}))


if __name__ == "__main__":
    main(*sys.argv[1:])
