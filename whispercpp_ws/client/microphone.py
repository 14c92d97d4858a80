"""Record from a microphone, the only place that imports sounddevice."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Protocol

from whispercpp_ws.closing import Closing
from whispercpp_ws.errors import ConfigError


BLOCK_MS = 60
"""As the page sends: what is said waits for its frame to be full. With 100 ms finals
came 0.04 and 0.07 s later in the middle (two runs each of 20 clips)."""
SAMPLE_BYTES = 2
MAX_WAITING_BLOCKS = 1000
"""A minute: as long as a client looks for a lost server."""

INSTALL = (
    "the microphone needs the extra `mic`: pip install 'whispercpp-ws[mic]' (and on "
    "Linux the library PortAudio: apt-get install libportaudio2)"
)

Record = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Device:
    """One that can be recorded from."""

    index: int
    name: str
    rate: int
    is_default: bool


class Recorder(Protocol):
    """An open stream of the sound system."""

    def start(self) -> None:
        """Begin to record."""
        ...

    def close(self) -> None:
        """Stop and let go of the device."""
        ...


class Waiting:
    """Blocks that were recorded and not yet taken; the oldest go when it is full."""

    def __init__(self, limit: int = MAX_WAITING_BLOCKS) -> None:
        self._blocks: deque[bytes] = deque(maxlen=limit)
        self._changed = asyncio.Event()
        self._is_closed = False
        self.lost_blocks = 0
        """How many were given up because nobody took them in time."""

    def add(self, block: bytes) -> None:
        """Add a block."""
        self.lost_blocks += len(self._blocks) == self._blocks.maxlen
        self._blocks.append(block)
        self._changed.set()

    def close(self) -> None:
        """Say that no more comes; what waits can still be taken."""
        self._is_closed = True
        self._changed.set()

    async def blocks(self) -> AsyncIterator[bytes]:
        """Yield each block as it comes."""
        while self._blocks or not self._is_closed:
            if not self._blocks:
                self._changed.clear()
                await self._changed.wait()
            else:
                yield self._blocks.popleft()


class Microphone(Closing):
    """A microphone that records; use as a context. Mono PCM16 at its own rate."""

    def __init__(self, rate: int, name: str, recorder: Recorder, waiting: Waiting):
        self.rate = rate
        """Samples per second."""
        self.name = name
        self._recorder = recorder
        self._waiting = waiting

    @classmethod
    def open(cls, device: str | None = None) -> "Microphone":
        """
        Begin to record from a device, by number or a part of its name, or the default.

        Call it in the event loop that takes the blocks. Raises ConfigError when the
        device or the library that reads it cannot be had.
        """
        sound = _sounddevice()
        found = _device(sound, device)
        waiting, loop = Waiting(), asyncio.get_running_loop()

        def on_block(data: bytes, *_status: object) -> None:
            # PortAudio calls this in a thread of its own, and uses the memory again.
            block = bytes(data)
            loop.call_soon_threadsafe(waiting.add, block)

        def on_end() -> None:
            # Of `close`, but also when the device is unplugged.
            loop.call_soon_threadsafe(waiting.close)

        try:
            recorder = sound.RawInputStream(
                samplerate=found.rate,
                blocksize=found.rate * BLOCK_MS // 1000,
                device=found.index,
                channels=1,
                dtype="int16",
                callback=on_block,
                finished_callback=on_end,
            )
            recorder.start()
        except sound.PortAudioError as error:
            raise ConfigError(
                f"the microphone {found.name} cannot be opened ({error})",
                field="device",
            ) from error
        return cls(found.rate, found.name, recorder, waiting)

    @property
    def lost_s(self) -> float:
        """Seconds that were given up because they were not taken in time."""
        return self._waiting.lost_blocks * BLOCK_MS / 1000

    def blocks(self) -> AsyncIterator[bytes]:
        """Yield what is recorded, `BLOCK_MS` at a time, until `close`."""
        return self._waiting.blocks()

    def close(self) -> None:
        """Stop recording; what was recorded can still be taken."""
        self._recorder.close()
        self._waiting.close()


def input_devices() -> list[Device]:
    """List what can be recorded from; raises ConfigError without the library."""
    return _devices(_sounddevice())


def _sounddevice() -> ModuleType:
    try:
        import sounddevice
    # It raises OSError itself when it finds no PortAudio.
    except (ImportError, OSError) as error:
        raise ConfigError(INSTALL) from error
    library: ModuleType = sounddevice
    return library


def _devices(sound: ModuleType) -> list[Device]:
    default = sound.default.device[0]
    return [
        Device(
            index=number,
            name=entry["name"],
            rate=round(entry["default_samplerate"]),
            is_default=number == default,
        )
        for number, entry in enumerate(sound.query_devices())
        if entry["max_input_channels"] > 0
    ]


def _device(sound: ModuleType, wanted: str | None) -> Device:
    devices = _devices(sound)
    found = [device for device in devices if _is_wanted(device, wanted)]
    exact = [device for device in found if device.name == wanted]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if wanted is None and devices:
        return devices[0]
    known = ", ".join(f"{d.index}: {d.name}" for d in devices) or "none at all"
    what = "no microphone" if wanted is None else f"{wanted!r}"
    raise ConfigError(
        f"--device: expected one of the microphones there are ({known}), got {what}",
        field="device",
    )


def _is_wanted(device: Device, wanted: str | None) -> bool:
    if wanted is None:
        return device.is_default
    if wanted.isdecimal():
        return device.index == int(wanted)
    return wanted.lower() in device.name.lower()
