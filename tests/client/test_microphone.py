"""A microphone is found by name or number, and what it records waits to be taken."""

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from whispercpp_ws.client.microphone import (
    MAX_WAITING_BLOCKS,
    Microphone,
    Waiting,
    input_devices,
)
from whispercpp_ws.errors import ConfigError


class PortAudioError(Exception):
    pass


class FakeStream:
    """Stands for sounddevice.RawInputStream; records when the test says so."""

    opened: "list[FakeStream]" = []

    def __init__(
        self,
        *,
        callback: Callable[..., None],
        finished_callback: Callable[[], object],
        **settings: Any,
    ) -> None:
        self.settings = settings
        self.record = callback
        self.finish = finished_callback
        self.is_open = False
        self.opened.append(self)

    def start(self) -> None:
        if self.settings["device"] == 3:
            raise PortAudioError("Device unavailable")
        self.is_open = True

    def close(self) -> None:
        self.is_open = False
        # sounddevice complains of anything else.
        assert self.finish() is None


DEVICES = [
    {"name": "Speakers", "max_input_channels": 0, "default_samplerate": 48_000.0},
    {"name": "Built-in", "max_input_channels": 1, "default_samplerate": 44_100.0},
    {"name": "USB Mic", "max_input_channels": 2, "default_samplerate": 48_000.0},
    {"name": "USB Mic 2", "max_input_channels": 1, "default_samplerate": 16_000.0},
]


@pytest.fixture(autouse=True)
def sound(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    FakeStream.opened = []
    module = SimpleNamespace(
        PortAudioError=PortAudioError,
        RawInputStream=FakeStream,
        default=SimpleNamespace(device=[1, 0]),
        query_devices=lambda: DEVICES,
    )
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return module


async def taken(waiting: Waiting) -> list[bytes]:
    return [block async for block in waiting.blocks()]


def test_only_microphones_are_listed() -> None:
    listed = [(d.index, d.name, d.rate, d.is_default) for d in input_devices()]
    assert listed == [
        (1, "Built-in", 44_100, True),
        (2, "USB Mic", 48_000, False),
        (3, "USB Mic 2", 16_000, False),
    ]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [(None, 1), ("2", 2), ("built", 1), ("USB Mic", 2)],
)
async def test_a_microphone_records_at_its_own_rate(
    wanted: str | None, index: int
) -> None:
    with Microphone.open(wanted) as microphone:
        (stream,) = FakeStream.opened
        assert stream.is_open
        assert stream.settings == {
            "samplerate": microphone.rate,
            "blocksize": microphone.rate * 60 // 1000,
            "device": index,
            "channels": 1,
            "dtype": "int16",
        }
        assert microphone.name == DEVICES[index]["name"]
    assert not stream.is_open


async def test_what_was_recorded_can_be_taken_after_the_end() -> None:
    microphone = Microphone.open()
    (stream,) = FakeStream.opened
    memory = bytearray(b"ab")
    stream.record(memory, 1, None, None)
    memory[:] = b"cd"
    stream.record(memory, 1, None, None)
    stream.close()
    assert [block async for block in microphone.blocks()] == [b"ab", b"cd"]
    assert microphone.lost_s == 0.0


async def test_of_what_nobody_takes_the_oldest_goes() -> None:
    waiting = Waiting()
    for number in range(MAX_WAITING_BLOCKS + 3):
        waiting.add(number.to_bytes(2, "little"))
    waiting.close()
    blocks = await taken(waiting)
    assert len(blocks) == MAX_WAITING_BLOCKS
    assert blocks[0] == b"\3\0"
    assert Microphone(1, "", FakeRecorder(), waiting).lost_s == pytest.approx(0.18)


class FakeRecorder:
    def start(self) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize("wanted", ["0", "9", "Webcam", "USB"])
async def test_a_microphone_that_is_not_there_is_named_with_those_that_are(
    wanted: str,
) -> None:
    with pytest.raises(ConfigError, match=rf"2: USB Mic, .*got '{wanted}'"):
        Microphone.open(wanted)


async def test_without_a_default_the_first_is_taken(sound: SimpleNamespace) -> None:
    sound.default.device = [-1, -1]
    with Microphone.open() as microphone:
        assert microphone.name == "Built-in"


async def test_no_microphone_at_all_is_told(sound: SimpleNamespace) -> None:
    sound.query_devices = lambda: DEVICES[:1]
    with pytest.raises(ConfigError, match=r"\(none at all\), got no microphone"):
        Microphone.open()


async def test_one_that_cannot_be_opened_is_told() -> None:
    with pytest.raises(ConfigError, match=r"USB Mic 2 cannot be opened \(Device un"):
        Microphone.open("3")


def test_without_the_library_one_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(ConfigError, match=r"pip install 'whispercpp-ws\[mic\]'"):
        input_devices()
