"""Audio goes out on a schedule that does not drift."""

import pytest

from whispercpp_ws.cli.pacing import paced, unpaced


class FakeTime:
    """A clock that moves only when someone sleeps or `busy` is called."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def clock(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.busy(seconds)

    def busy(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


BLOCKS = [b"a", b"b", b"c"]


async def test_a_block_comes_when_it_has_been_recorded(time: FakeTime) -> None:
    due = [
        (block, time.now_s)
        async for block in paced(BLOCKS, 0.5, clock=time.clock, sleep=time.sleep)
    ]
    assert due == [(b"a", 100.5), (b"b", 101.0), (b"c", 101.5)]


async def test_slow_sending_does_not_add_up(time: FakeTime) -> None:
    due = []
    async for _ in paced(BLOCKS, 0.5, clock=time.clock, sleep=time.sleep):
        due.append(time.now_s)
        time.busy(0.25)
    assert due == [100.5, 101.0, 101.5]


async def test_late_blocks_come_at_once_until_the_schedule_is_met(
    time: FakeTime,
) -> None:
    due = []
    async for _ in paced(BLOCKS, 0.5, clock=time.clock, sleep=time.sleep):
        due.append(time.now_s)
        if len(due) == 1:
            time.busy(0.75)
    assert due == [100.5, 101.25, 101.5]


async def test_unpaced_blocks_all_come() -> None:
    assert [block async for block in unpaced(BLOCKS)] == BLOCKS
