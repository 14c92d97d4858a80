"""
The contract every server under test is wrapped in.

A server to compare with is one more module here with a class of this shape, and one
more choice in `command`. What such servers run on is in `baselines`.
"""

from typing import Protocol

from scripts.bench.adapters.process import Usage
from scripts.bench.audio import StreamAudio
from scripts.bench.timeline import Timeline


class Adapter(Protocol):
    """A server program that one run of the benchmark starts, uses and stops."""

    @property
    def title(self) -> str:
        """Program, version and model, once it is started."""
        ...

    @property
    def build(self) -> str:
        """The versions that decode and serve, once it is started."""
        ...

    @property
    def has_finals(self) -> bool:
        """Whether it ever says that a text is done; if not, see `unsettled`."""
        ...

    async def start(self) -> None:
        """Start the program and wait until it takes audio; raises BenchError."""
        ...

    async def stream(self, audio: StreamAudio, language: str) -> Timeline:
        """
        Send a clip at real-time pace over a connection of its own.

        What goes wrong on the way is the timeline's `failure`; `language` is an
        ISO 639-1 code or "auto".
        """
        ...

    def usage(self) -> Usage:
        """Measure what the program has used since it started."""
        ...

    async def counters(self) -> dict[str, float]:
        """Return the program's own counters, where it has some."""
        ...

    async def stop(self) -> None:
        """End the program."""
        ...
