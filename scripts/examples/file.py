"""
Print what a recording says, while it is sent.

    python -m scripts.examples.file tests/data/jfk.wav [ws://127.0.0.1:2700]
"""

import asyncio
import sys
from pathlib import Path

from whispercpp_ws import Final, connect
from whispercpp_ws.audio_file import AudioFile


async def main(path: str, url: str = "ws://127.0.0.1:2700") -> None:
    """Send the file as fast as the server takes it."""
    with AudioFile.open(Path(path)) as file:
        async with connect(url, rate=file.rate, channels=file.channels) as stt:
            stt.send(file.blocks(file.rate // 10))
            async for event in stt:
                if isinstance(event, Final):
                    print(f"{event.start_s:7.2f} s  {event.text}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
