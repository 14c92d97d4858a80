"""What a peer sent, until the session takes it."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from whispercpp_ws.events import Flush
from whispercpp_ws.server.inbox import MAX_ITEMS, MERGE_BYTES, Audio, Inbox


async def take_audio(inbox: Inbox) -> Audio:
    item = await inbox.get()
    assert isinstance(item, Audio)
    return item


async def has_room(inbox: Inbox) -> bool:
    waiting = asyncio.create_task(inbox.wait_for_room())
    await asyncio.sleep(0)
    waiting.cancel()
    return waiting.done() and not waiting.cancelled()


async def test_tiny_frames_are_merged_and_keep_the_last_arrival() -> None:
    inbox = Inbox(1 << 20)
    inbox.put_audio(b"a", at_s=1.0)
    inbox.put_audio(b"b", at_s=2.0)
    assert await take_audio(inbox) == Audio(bytearray(b"ab"), 2.0)
    assert inbox.is_empty


async def test_large_frames_stay_apart() -> None:
    inbox = Inbox(1 << 20)
    inbox.put_audio(b"a" * MERGE_BYTES, at_s=1.0)
    inbox.put_audio(b"b", at_s=2.0)
    assert (await take_audio(inbox)).arrived_s == 1.0
    assert (await take_audio(inbox)).arrived_s == 2.0


async def test_commands_keep_their_place_in_the_audio() -> None:
    inbox = Inbox(1 << 20)
    inbox.put_audio(b"a", at_s=1.0)
    inbox.put(Flush())
    inbox.put_audio(b"b", at_s=2.0)
    assert (await take_audio(inbox)).data == b"a"
    assert await inbox.get() == Flush()
    assert (await take_audio(inbox)).data == b"b"


async def test_reading_stops_while_too_much_audio_waits() -> None:
    inbox = Inbox(limit_bytes=10)
    inbox.put_audio(b"0123456789", at_s=1.0)
    assert not await has_room(inbox)
    await inbox.get()
    assert await has_room(inbox)


async def test_reading_stops_while_too_many_commands_wait() -> None:
    inbox = Inbox(limit_bytes=10)
    for _ in range(MAX_ITEMS):
        inbox.put(Flush())
    assert not await has_room(inbox)
    await inbox.get()
    assert await has_room(inbox)


async def test_get_waits_for_an_item() -> None:
    inbox = Inbox(limit_bytes=10)
    getting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    inbox.put(Flush())
    assert await getting == Flush()


@given(st.lists(st.binary(max_size=2 * MERGE_BYTES), max_size=20))
def test_no_byte_is_lost_or_moved(frames: list[bytes]) -> None:
    async def collect() -> bytes:
        inbox = Inbox(1 << 20)
        for frame in frames:
            inbox.put_audio(frame, at_s=0.0)
        heard = b""
        while not inbox.is_empty:
            heard += (await take_audio(inbox)).data
        return heard

    assert asyncio.run(collect()) == b"".join(frames)
