"""
The contract every decoder library is wrapped in.

An engine is shared and holds the weights; a lane is one decode at a time. Nothing
about one client is stored on either: every option comes with every request, and the
same request gives the same hypothesis on any lane in any order.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from whispercpp_ws.decoding import DecodeOptions, DecodeRequest, Samples
from whispercpp_ws.transcript import Hypothesis, Segment, Transcription


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What a loaded engine is, for `ready` messages, logs and the doctor."""

    engine: str
    """Library and version, such as "whisper.cpp 1.8.5"."""
    model: str
    """Catalogue name, such as "base-q8_0"."""
    languages: tuple[str, ...]
    """ISO 639-1 codes the model knows; ("en",) for an English-only one."""
    lanes: int
    frame_s: float = 0.0
    """Seconds for each encoder frame of a decode on one thread, as the warm-up found;
    0 where it has not been measured."""
    stops_at_once: bool = False
    """Whether a decode that is cancelled frees its lane now, not after its encode."""


Cancelled = Callable[[], bool]
"""Asked by a running decode, from its own thread, whether anybody still wants it."""


def never_cancelled() -> bool:
    """Let a decode run to its end."""
    return False


class Lane(Protocol):
    """One decode at a time; use from one thread at a time."""

    def decode(
        self, request: DecodeRequest, is_cancelled: Cancelled = never_cancelled
    ) -> Hypothesis:
        """
        Decode one window of at most 30 s; blocks for 0.1 s to seconds.

        Raises:
            Superseded: `is_cancelled` said so; the lane is good for the next decode.
            RefusedInput: the request would crash or mislead the library.
            DecodeFailed: the library returned an error.
        """
        ...

    def transcribe(
        self,
        samples: Samples,
        options: DecodeOptions,
        on_segment: Callable[[Segment], None],
    ) -> Transcription:
        """
        Decode audio of any length on full windows with caption times; offline use.

        Calls `on_segment` with each segment as it is done, from the calling thread.
        """
        ...

    def warm_up(self) -> float:
        """
        Decode silence, so that a kernel this processor lacks crashes here and now.

        Returns the seconds it took for each encoder frame, 0 where that says nothing.
        """
        ...

    def rest(self) -> None:
        """Free the lane's memory until the next decode; for lanes that stay idle."""
        ...

    def close(self) -> None:
        """Free the lane's memory; the lane must not be used again."""
        ...


class Engine(Protocol):
    """A loaded model."""

    @property
    def info(self) -> EngineInfo:
        """Say what is loaded."""
        ...

    @property
    def is_forkable(self) -> bool:
        """Whether lanes may be opened in forks of the process that loaded it: it has
        started no threads and holds nothing on a device."""
        ...

    def open_lane(self) -> Lane:
        """Make one more lane; raises EngineError when there is no memory for it."""
        ...

    def close(self) -> None:
        """Free the weights; every lane must be closed before."""
        ...
