"""What the server needs of whoever runs decodes."""

from typing import Protocol

from whispercpp_ws.decoding import DecodeRequest
from whispercpp_ws.engines.base import EngineInfo
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
