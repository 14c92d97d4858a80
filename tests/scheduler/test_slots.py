import mmap
import os
import resource
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from whispercpp_ws.decoding import Samples
from whispercpp_ws.errors import EngineError
from whispercpp_ws.scheduler.slots import (
    SLOT_BYTES,
    SLOT_SAMPLES,
    Slots,
    memory_file,
    temporary_file,
)


FILES = [temporary_file, *([memory_file] if sys.platform == "linux" else [])]


@pytest.fixture(params=FILES)
def slots(request: pytest.FixtureRequest) -> Iterator[Slots]:
    """Make two slots, in a file of each kind that the system has."""
    made = Slots(request.param(2 * SLOT_BYTES), mmap.ACCESS_WRITE)
    yield made
    made.close()


def ones(count: int) -> Samples:
    return np.ones(count, np.float32)


def test_what_one_end_puts_into_a_slot_the_other_finds_there(slots: Slots) -> None:
    there = Slots.attach(slots.fd)
    slots.put(1, ones(3))
    assert there.get(1, 4).tolist() == [1, 1, 1, 0]
    assert not there.get(0, SLOT_SAMPLES).any()


def test_a_whole_window_fits_and_touches_no_other_slot(slots: Slots) -> None:
    slots.put(0, ones(SLOT_SAMPLES))
    there = Slots.attach(slots.fd)
    assert there.get(0, SLOT_SAMPLES).all()
    assert not there.get(1, SLOT_SAMPLES).any()


def test_a_window_is_not_copied_again_and_cannot_be_changed(slots: Slots) -> None:
    window = Slots.attach(slots.fd).get(0, 2)
    slots.put(0, ones(1))
    assert window.tolist() == [1, 0]
    assert not window.flags.writeable


@pytest.mark.parametrize("slot", [-1, 2])
def test_a_slot_that_is_not_there_is_refused(slots: Slots, slot: int) -> None:
    with pytest.raises(EngineError, match=f"of 2 slots, got 1 in number {slot}"):
        slots.put(slot, ones(1))
    with pytest.raises(EngineError, match=f"of 2 slots, got 1 in number {slot}"):
        slots.get(slot, 1)


def test_a_window_longer_than_a_slot_is_refused(slots: Slots) -> None:
    with pytest.raises(EngineError, match="at most 480000 samples"):
        slots.put(0, ones(SLOT_SAMPLES + 1))
    with pytest.raises(EngineError, match="at most 480000 samples"):
        slots.get(0, SLOT_SAMPLES + 1)


def test_what_is_no_memory_cannot_be_attached_to() -> None:
    readable, writable = os.pipe()
    for fd in (readable, -5):
        with pytest.raises(EngineError, match=f"shared memory, got {fd}"):
            Slots.attach(fd)
    os.close(readable)
    os.close(writable)


@pytest.mark.skipif(sys.platform != "linux", reason="lists descriptors by /proc")
def test_slots_that_are_closed_leave_no_descriptor() -> None:
    before = os.listdir("/proc/self/fd")
    Slots.create(2).close()
    assert os.listdir("/proc/self/fd") == before


def test_a_file_for_which_there_is_no_room_is_refused_at_once() -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 10, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            temporary_file(SLOT_BYTES)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
