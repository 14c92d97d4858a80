"""The queue of a slow reader."""

import asyncio

from whispercpp_ws.events import Acknowledged, Event, Final, Partial
from whispercpp_ws.server.outbound import OutboundQueue


FINAL = Final(1, "a", 0, 1, "en", 1.0)
PARTIAL = Partial(1, "a", "", 0, 1)


def queue(limit: int, *events: tuple[Event, str]) -> OutboundQueue:
    made = OutboundQueue(limit)
    for event, text in events:
        made.put(event, [text])
    return made


async def drained(made: OutboundQueue) -> list[str]:
    made.finish()
    texts = []
    while (text := await made.get()) is not None:
        texts.append(text)
    return texts


async def test_frames_keep_their_order() -> None:
    made = queue(9, (PARTIAL, "p1"), (FINAL, "f1"), (PARTIAL, "p2"))
    assert await drained(made) == ["p1", "f1", "p2"]


async def test_the_oldest_partial_goes_first_when_it_is_full() -> None:
    made = queue(2, (FINAL, "f1"), (PARTIAL, "p1"), (PARTIAL, "p2"))
    assert (made.dropped, made.is_overfull) == (1, False)
    assert await drained(made) == ["f1", "p2"]


async def test_acknowledgements_may_go_too() -> None:
    made = queue(1, (Acknowledged(1.0), "a"), (FINAL, "f1"))
    assert await drained(made) == ["f1"]


async def test_finals_are_never_dropped() -> None:
    made = queue(1, (FINAL, "f1"), (FINAL, "f2"))
    assert made.is_overfull
    assert await drained(made) == ["f1", "f2"]


async def test_nothing_is_taken_after_the_finish() -> None:
    made = queue(9, (FINAL, "f1"))
    made.finish()
    made.put(FINAL, ["f2"])
    assert await drained(made) == ["f1"]


async def test_get_waits_for_a_frame() -> None:
    made = OutboundQueue(9)
    getting = asyncio.create_task(made.get())
    await asyncio.sleep(0)
    assert not getting.done()
    made.put(FINAL, ["f1"])
    assert await getting == "f1"
