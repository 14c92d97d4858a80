"""Hand out audio as fast as a microphone would."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable


async def paced(
    blocks: Iterable[bytes],
    block_s: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> AsyncIterator[bytes]:
    """
    Yield each block when a microphone would have recorded it.

    Block n is due n * `block_s` after the first call, whatever the sending of the
    ones before took, so the stream does not drift; a late block comes at once.
    """
    start_s = clock()
    for number, block in enumerate(blocks, start=1):
        wait_s = start_s + number * block_s - clock()
        if wait_s > 0:
            await sleep(wait_s)
        yield block


async def unpaced(blocks: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Yield each block at once, letting other tasks run in between."""
    for block in blocks:
        await asyncio.sleep(0)
        yield block
