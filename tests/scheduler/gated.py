"""A host whose decodes end when the test says so."""

import asyncio

import numpy as np

from whispercpp_ws.decoding import DecodeOptions, DecodeRequest, Priority
from whispercpp_ws.engines.base import EngineInfo
from whispercpp_ws.scheduler.scheduler import Scheduler
from whispercpp_ws.transcript import Hypothesis


class GatedHost:
    """
    Hold every decode until the test opens its gate.

    One that is cancelled holds its lane until `finish` too, as an encode does.
    """

    def __init__(
        self,
        lanes: int = 1,
        *,
        languages: tuple[str, ...] = ("en",),
        stops_at_once: bool = False,
    ) -> None:
        self.info = EngineInfo(
            "gated", "none", languages, lanes, stops_at_once=stops_at_once
        )
        self.started: list[int] = []
        self.threads: dict[int, int] = {}
        self.cancelled: list[int] = []
        self.gates: dict[int, asyncio.Future[Hypothesis]] = {}

    async def decode(self, request: DecodeRequest) -> Hypothesis:
        self.started.append(request.id)
        self.threads[request.id] = request.threads
        self.gates[request.id] = asyncio.get_running_loop().create_future()
        try:
            return await asyncio.shield(self.gates[request.id])
        except asyncio.CancelledError:
            self.cancelled.append(request.id)
            await self.gates[request.id]
            raise

    def finish(self, request_id: int) -> None:
        self.gates[request_id].set_result(Hypothesis(str(request_id)))


def request(
    request_id: int, priority: Priority = Priority.FINAL, *, language: str = "en"
) -> DecodeRequest:
    samples = np.zeros(1600, np.float32)
    return DecodeRequest(request_id, priority, samples, DecodeOptions(language))


async def settle() -> None:
    """Let every task run as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def ask(
    scheduler: Scheduler, session_id: str, wanted: DecodeRequest
) -> asyncio.Task[Hypothesis]:
    """Ask for a decode, and return once it is started or waits."""
    task = asyncio.create_task(scheduler.decode(session_id, wanted))
    await settle()
    return task
