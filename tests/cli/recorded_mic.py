"""
Run `whispercpp-ws` with a microphone that has heard a WAV file and hears no more.

With `ends` before the other words it ends then, as one that is unplugged.
"""

import sys
import wave
from functools import partial
from pathlib import Path

from whispercpp_ws.cli import main
from whispercpp_ws.client.microphone import Microphone, Waiting


WAV = Path(__file__).parent.parent / "data" / "jfk.wav"
BLOCK_BYTES = 3200


class NoRecorder:
    def start(self) -> None: ...

    def close(self) -> None: ...


def open_recorded(device: str | None = None, *, ends: bool = False) -> Microphone:
    """Open what stands for the microphone."""
    waiting = Waiting()
    with wave.open(str(WAV)) as audio:
        pcm = audio.readframes(audio.getnframes())
        rate = audio.getframerate()
    for start in range(0, len(pcm), BLOCK_BYTES):
        waiting.add(pcm[start : start + BLOCK_BYTES])
    if ends:
        waiting.close()
    return Microphone(rate, device or "a file", NoRecorder(), waiting)


if __name__ == "__main__":
    words = sys.argv[1:]
    ends = words[:1] == ["ends"]
    Microphone.open = partial(open_recorded, ends=ends)  # type: ignore[method-assign]
    sys.exit(main(words[1:] if ends else words))
