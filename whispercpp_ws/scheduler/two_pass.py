"""
Partials on a small model, everything else on the model whose text counts.

Each model has a host process, a queue and lanes of its own, so that a partial never
takes the lane a final waits for.
"""

from whispercpp_ws.decoding import DecodeRequest, Priority
from whispercpp_ws.engines.base import EngineInfo
from whispercpp_ws.scheduler.fleet import ModelFleet
from whispercpp_ws.scheduler.load import LoadMeter
from whispercpp_ws.scheduler.scheduler import Scheduler
from whispercpp_ws.transcript import Hypothesis


class TwoPassScheduler:
    """Share two models between sessions; the schedulers' hosts stay the caller's."""

    def __init__(
        self,
        *,
        final: Scheduler | ModelFleet,
        partial: Scheduler,
        load: LoadMeter | None = None,
    ) -> None:
        self._load = load
        self._final = final
        self._partial = partial

    @property
    def info(self) -> EngineInfo:
        """Say what decodes finals: its languages are the ones that can be served."""
        return self._final.info

    @property
    def partial_info(self) -> EngineInfo:
        """Say what decodes partials."""
        return self._partial.info

    async def decode(self, session_id: str, request: DecodeRequest) -> Hypothesis:
        """
        Decode on the model for it, when its turn comes, as `Scheduler.decode` does.

        Raises:
            Superseded: a newer decode of the session made this one worthless.
            Overloaded: too many decodes wait for that model.
            SpeechError: whatever its host raised.
        """
        chosen: Scheduler | ModelFleet = self._final
        other: Scheduler | ModelFleet = self._partial
        small_finals = self._load is not None and self._load.pressure.small_finals
        if is_for_partial_model(request, self._partial.info, small_finals=small_finals):
            chosen, other = other, chosen
        # A scheduler drops the partials it has; one in the other is as worthless.
        other.supersede(session_id, request.priority)
        return await chosen.decode(session_id, request)


def is_for_partial_model(
    request: DecodeRequest, partial: EngineInfo, *, small_finals: bool = False
) -> bool:
    """
    Tell whether a request is a partial in a language that the partial model knows.

    With `small_finals`, under overload, whatever is in such a language is for it.

    A window whose language is still "auto" is not: what is heard in it holds for the
    final too, the larger model is the better judge, and an English-only one is none.
    """
    is_partial = request.priority is Priority.PARTIAL
    return (
        is_partial or small_finals
    ) and request.options.language in partial.languages
