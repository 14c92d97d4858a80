"""What the server needs of whoever runs decodes."""

from collections.abc import Sequence
from typing import Protocol

from whispercpp_ws.decoding import DecodeRequest
from whispercpp_ws.engines.base import EngineInfo
from whispercpp_ws.scheduler.fleet import LoadedModel
from whispercpp_ws.transcript import Hypothesis


class Decoder(Protocol):
    """Run decodes of many sessions on the lanes there are."""

    @property
    def info(self) -> EngineInfo:
        """Say what is loaded."""
        ...

    @property
    def partial_info(self) -> EngineInfo | None:
        """Say what decodes partials; None when it is no other model."""
        ...

    async def decode(self, session_id: str, request: DecodeRequest) -> Hypothesis:
        """
        Run one decode when its turn comes; cancelling the call gives the turn up.

        Raises:
            SpeechError: the decode failed; `retryable` tells whether another try helps.
        """
        ...


class Models(Protocol):
    """Who loads models and lets them go; each call raises SpeechError."""

    def info_for(self, name: str) -> EngineInfo | None:
        """Say what is loaded by a name; None if nothing is."""
        ...

    def loaded(self) -> Sequence[LoadedModel]:
        """Say what is loaded."""
        ...

    async def load(self, name: str) -> EngineInfo:
        """Load a model beside the others."""
        ...

    async def use(self, name: str) -> EngineInfo:
        """Make a model the default."""
        ...

    async def unload(self, name: str) -> None:
        """Let a model go."""
        ...

    def release(self, session_id: str) -> None:
        """Take that no utterance of a session needs its model any more."""
        ...
