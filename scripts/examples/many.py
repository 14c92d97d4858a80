"""
Write captions (SubRip) beside many recordings, a few at a time.

    python -m scripts.examples.many ws://127.0.0.1:2700 recordings/*.wav
"""

import asyncio
import sys
from pathlib import Path

from whispercpp_ws import Final, SpeechError, connect
from whispercpp_ws.audio_file import AudioFile
from whispercpp_ws.protocols.captions import one_line, span


AT_ONCE = 2


async def finals_of(path: Path, url: str) -> list[Final]:
    """Return every final of one recording."""
    with AudioFile.open(path) as file:
        async with connect(
            url,
            rate=file.rate,
            channels=file.channels,
            partials=False,
            words=False,
        ) as stt:
            stt.send(file.blocks(file.rate // 10))
            return [event async for event in stt if isinstance(event, Final)]


async def caption(path: Path, url: str, turn: asyncio.Semaphore) -> None:
    """Write the captions of one recording, or say why there are none."""
    async with turn:
        try:
            finals = await finals_of(path, url)
        except SpeechError as error:
            print(f"{path}: {error}", file=sys.stderr)
            return
    cues = [
        f"{number}\n{span(final.start_s, final.end_s, ',')}\n{one_line(final.text)}\n"
        for number, final in enumerate(finals, start=1)
    ]
    path.with_suffix(".srt").write_text("\n".join(cues), encoding="utf-8")
    print(path.with_suffix(".srt"))


async def main(url: str, *paths: str) -> None:
    """Caption every recording."""
    turn = asyncio.Semaphore(AT_ONCE)
    async with asyncio.TaskGroup() as tasks:
        for path in paths:
            tasks.create_task(caption(Path(path), url, turn))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
