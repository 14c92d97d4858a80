"""
A microphone for a client that has none: it plays SPEECH_FILE, 16 kHz PCM16.

It stands for the package of this name on the path of a program that records for ever.
After the file and some silence the program is left, as its user would leave it.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Self


SILENCE = bytes(2 * 16_000 * 4)
"""4 s, for the last words to be settled in."""
PATIENCE_S = 15.0
"""A busy machine still writes down what it heard."""


class RawInputStream:
    """What the client opens; blocks come as they are spoken."""

    def __init__(
        self,
        *,
        samplerate: int,
        blocksize: int,
        callback: Callable[[bytes, int, None, None], None],
        **_format: object,
    ) -> None:
        self.samplerate = samplerate
        self._blocksize = blocksize
        self._callback = callback

    def __enter__(self) -> Self:
        Thread(target=self._play, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def _play(self) -> None:
        pcm = Path(os.environ["SPEECH_FILE"]).read_bytes() + SILENCE
        for start in range(0, len(pcm), 2 * self._blocksize):
            time.sleep(self._blocksize / self.samplerate)
            block = pcm[start : start + 2 * self._blocksize]
            self._callback(block, len(block) // 2, None, None)
        time.sleep(PATIENCE_S)
        sys.stdout.flush()
        os._exit(0)
