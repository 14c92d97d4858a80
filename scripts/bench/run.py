"""Stream clips through a server, some at once."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scripts.bench import audio
from scripts.bench.adapters.base import Adapter
from scripts.bench.costs import CpuSplit, counted_since, cpu_split, final_waits
from scripts.bench.manifest import NO_LANGUAGE, Clip
from scripts.bench.scores import ClipRun


PHASE_S = 0.73
"""How much later each further client starts: out of step with frames and partials."""

USAGE_EVERY_S = 1.0
"""Time between two measurements of memory."""

OnClip = Callable[[ClipRun], None]


@dataclass(frozen=True, slots=True)
class Streaming:
    """How the clients behave."""

    clients: int = 1
    language: str = ""
    """Language every client asks for; empty for each clip's own."""
    silence_language: str = "en"
    """Language of clips in which nobody speaks."""

    def language_of(self, clip: Clip) -> str:
        """Return what the client of a clip asks for."""
        own = self.silence_language if clip.language == NO_LANGUAGE else clip.language
        return self.language or own


@dataclass(frozen=True, slots=True)
class MemoryAt:
    """Resident memory of the server's processes, and when it was measured."""

    at_s: float
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Load:
    """What the server spent on the whole run."""

    wall_s: float
    audio_s: float
    """Length of all clips, the silence around them left out."""
    speech_s: float
    """From the first to the last sound of each clip with speech."""
    cpu_s: float
    most_memory_bytes: int
    counters: dict[str, float]
    memory: tuple[MemoryAt, ...] = ()
    cpu: CpuSplit | None = None
    """`cpu_per_audio_s` by what it was spent on."""

    @property
    def cpu_per_audio_s(self) -> float:
        """CPU seconds for each second of clips."""
        return self.cpu_s / self.audio_s if self.audio_s else 0.0


async def stream_all(
    adapter: Adapter, clips: Sequence[Clip], how: Streaming, on_clip: OnClip
) -> tuple[list[ClipRun], Load]:
    """Stream every clip through a started server, in a connection of its own each."""
    before, start_s = adapter.usage(), time.monotonic()
    counted = await adapter.counters()
    memory = _Memory(adapter, start_s)
    watching = asyncio.create_task(memory.watch())
    waiting = deque(clips)
    runs: list[ClipRun] = []
    try:
        async with asyncio.TaskGroup() as group:
            for number in range(how.clients):
                client = _Client(adapter, how, waiting, runs, on_clip)
                group.create_task(client.run(delay_s=number * PHASE_S))
    finally:
        watching.cancel()
    spent = adapter.usage().since(before)
    counters = counted_since(await adapter.counters(), counted)
    audio_s = sum(run.clip.seconds for run in runs)
    load = Load(
        wall_s=time.monotonic() - start_s,
        audio_s=audio_s,
        speech_s=sum(run.bounds.seconds for run in runs if run.bounds),
        cpu_s=spent.cpu_s,
        most_memory_bytes=max(
            [spent.memory_bytes, *(m.memory_bytes for m in memory.seen)]
        ),
        memory=tuple(memory.seen),
        counters=counters,
        cpu=cpu_split(counters, spent, audio_s),
    )
    order = {clip.key: number for number, clip in enumerate(clips)}
    return sorted(runs, key=lambda run: order[run.clip.key]), load


@dataclass(frozen=True, slots=True)
class _Client:
    adapter: Adapter
    how: Streaming
    waiting: deque[Clip]
    runs: list[ClipRun]
    on_clip: OnClip

    async def run(self, *, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        while self.waiting:
            run = await self._stream(self.waiting.popleft())
            self.runs.append(run)
            self.on_clip(run)

    async def _stream(self, clip: Clip) -> ClipRun:
        sound = audio.load(clip)
        bounds = None if clip.is_nonspeech else audio.speech_bounds(sound)
        counted = await self.adapter.counters()
        timeline = await self.adapter.stream(sound, self.how.language_of(clip))
        spent = counted_since(await self.adapter.counters(), counted)
        # The counters of a server are those of all its clients.
        waits = final_waits(spent) if self.how.clients == 1 else None
        return ClipRun(clip, bounds, timeline, waits=waits)


class _Memory:
    def __init__(self, adapter: Adapter, start_s: float) -> None:
        self._adapter = adapter
        self._start_s = start_s
        self.seen: list[MemoryAt] = []

    async def watch(self) -> None:
        while True:
            at_s = time.monotonic() - self._start_s
            self.seen.append(MemoryAt(at_s, self._adapter.usage().memory_bytes))
            await asyncio.sleep(USAGE_EVERY_S)
