"""
Do something with what is said into the microphone: here, until somebody says "stop".

    pip install 'whispercpp-ws[mic]'
    python -m scripts.examples.microphone [ws://127.0.0.1:2700]
"""

import asyncio
import sys
from collections.abc import AsyncIterator

from whispercpp_ws import Final, Partial, connect
from whispercpp_ws.client.microphone import Microphone


async def listen(audio: AsyncIterator[bytes], rate: int, url: str) -> None:
    """Print what is heard until the word comes."""
    async with connect(url, rate=rate) as stt:
        stt.send(audio)
        async for event in stt:
            if isinstance(event, Partial):
                print(f"\r\x1b[K{event.text}", end="", flush=True)
            elif isinstance(event, Final):
                print(f"\r\x1b[K{event.text}")
                if "stop" in event.text.lower():
                    return


async def main(url: str = "ws://127.0.0.1:2700") -> None:
    """Open the default microphone."""
    with Microphone.open() as microphone:
        await listen(microphone.blocks(), microphone.rate, url)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
