"""Events wait for their reader in bounded memory."""

import asyncio

import pytest

from whispercpp_ws.client.unread import Unread
from whispercpp_ws.errors import ServiceError
from whispercpp_ws.events import Partial, SpeechStarted


def partial(text: str) -> Partial:
    return Partial(1, text, "", 0.0, 1.0)


async def test_events_come_in_their_order_and_then_nothing() -> None:
    unread = Unread()
    await unread.put(SpeechStarted(1.0))
    await unread.put(SpeechStarted(2.0))
    unread.close()
    assert [await unread.get() for _ in range(3)] == [
        SpeechStarted(1.0),
        SpeechStarted(2.0),
        None,
    ]


async def test_an_unread_partial_gives_way_to_a_newer_one() -> None:
    unread = Unread()
    for event in (SpeechStarted(1.0), partial("a"), partial("a b")):
        await unread.put(event)
    assert [await unread.get() for _ in range(2)] == [
        SpeechStarted(1.0),
        partial("a b"),
    ]


async def test_a_reader_waits_for_the_writer() -> None:
    unread = Unread()
    reading = asyncio.create_task(unread.get())
    await asyncio.sleep(0)
    assert not reading.done()
    await unread.put(partial("a"))
    assert await reading == partial("a")


async def test_a_writer_waits_at_the_limit() -> None:
    unread = Unread(limit=1)
    await unread.put(SpeechStarted(1.0))
    writing = asyncio.create_task(unread.put(SpeechStarted(2.0)))
    await asyncio.sleep(0)
    assert not writing.done()
    assert await unread.get() == SpeechStarted(1.0)
    await writing
    assert await unread.get() == SpeechStarted(2.0)


async def test_an_error_comes_after_the_events_before_it() -> None:
    unread = Unread()
    await unread.put(partial("a"))
    unread.close(ServiceError("gone"))
    assert await unread.get() == partial("a")
    with pytest.raises(ServiceError, match="gone"):
        await unread.get()
