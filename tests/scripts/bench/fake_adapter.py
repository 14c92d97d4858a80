"""An adapter without a server."""

from scripts.bench.adapters.process import Usage
from scripts.bench.audio import StreamAudio
from scripts.bench.timeline import Timeline
from tests.scripts.bench.lines import final, shown


class FakeAdapter:
    """Hears "one" in everything and uses 2 CPU seconds between two looks."""

    title = "fake"
    build = "fake 1.0"
    has_finals = True

    def __init__(self) -> None:
        self.languages: list[str] = []
        self._cpu_s = 0.0

    async def start(self) -> None:
        pass

    async def stream(self, audio: StreamAudio, language: str) -> Timeline:
        self.languages.append(language)
        return Timeline(
            shown=(shown(1.0, "one", "one"),), settled=(final(2.0, "one"),), closed_s=3
        )

    def usage(self) -> Usage:
        self._cpu_s += 2.0
        return Usage(self._cpu_s, 1_000_000)

    async def counters(self) -> dict[str, float]:
        return {"decodes": 1.0}

    async def stop(self) -> None:
        pass
