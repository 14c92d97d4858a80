"""What the handlers of one application share."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from aiohttp import web

from whispercpp_ws.access.limits import ConnectionCount
from whispercpp_ws.access.token import TokenChecker
from whispercpp_ws.config import Config
from whispercpp_ws.engines.base import EngineInfo
from whispercpp_ws.events import SessionOptions
from whispercpp_ws.metrics import Metrics
from whispercpp_ws.scheduler.load import Unloaded
from whispercpp_ws.server.decoder import Decoder, Models
from whispercpp_ws.server.resume import SessionRegistry
from whispercpp_ws.server.shedding import Load, Shedding
from whispercpp_ws.session.session import Session


class Drainable(Protocol):
    """A connection that can be asked to end."""

    def drain(self) -> None:
        """Send the remaining finals, then say that the server goes away."""
        ...


@dataclass(slots=True)
class Shared:
    """Everything a connection uses that is not its own."""

    config: Config
    decoder: Decoder
    metrics: Metrics
    tokens: TokenChecker
    open_session: Callable[[SessionOptions], Session]
    count: ConnectionCount
    sessions: SessionRegistry
    load: Load = Unloaded()
    models: Models | None = None
    """Where several models may be loaded; None where there is the decoder's only."""
    connections: set[Drainable] = field(default_factory=set)
    all_left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while there is no connection."""
    is_draining: bool = False
    expected: int = 0
    """Connections let in only to take a session up, which have not done so yet."""

    def __post_init__(self) -> None:
        self.all_left.set()

    def enter(self, connection: Drainable) -> None:
        """Note an open connection."""
        self.connections.add(connection)
        self.all_left.clear()

    def leave(self, connection: Drainable) -> None:
        """Note that a connection is over."""
        self.connections.discard(connection)
        if not self.connections:
            self.all_left.set()

    def info_for(self, name: str) -> EngineInfo:
        """Say what is loaded by a name; what the default is, if nothing is."""
        named = self.models.info_for(name) if self.models and name else None
        return named or self.decoder.info

    def shedding(self, session_id: str, subject: str = "") -> Shedding:
        """Return what a session gives up under load, and by which its load is told."""
        self.load.note_subject(session_id, subject)
        step_ms = self.config.streaming.step_ms
        return Shedding(self.load, session_id=session_id, step_ms=step_ms)

    def note_settled(self, session_id: str) -> None:
        """Note that a session is between two utterances."""
        if self.models is not None:
            self.models.release(session_id)

    @property
    def defaults(self) -> SessionOptions:
        """The options of a client that names none."""
        streaming = self.config.streaming
        return SessionOptions(
            language=streaming.language, endpoint_ms=streaming.endpoint_ms
        )


SHARED = web.AppKey("shared", Shared)
REQUEST_ID = web.RequestKey("request_id", str)
