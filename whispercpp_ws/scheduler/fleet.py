"""
Several loaded models behind one decoder, and changing them while sessions go on.

A model is started and warmed up before anything is sent to it, and one that is taken
away finishes the utterances it has begun first: no utterance is decoded by two models.
What cannot be loaded changes nothing.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol

from whispercpp_ws.decoding import DecodeRequest, Priority
from whispercpp_ws.engines.base import EngineInfo
from whispercpp_ws.errors import ModelInUse, ModelNotLoaded
from whispercpp_ws.scheduler.cores import Cores
from whispercpp_ws.scheduler.load import LoadMeter
from whispercpp_ws.scheduler.scheduler import Host, Scheduler
from whispercpp_ws.transcript import Hypothesis


DRAIN_S = 60.0
"""For the decodes of a model that goes; as long as one of them may take."""

_QUANT_SUFFIX = re.compile(r"-(q\d_[01k]|f16|f32)$")

logger = logging.getLogger(__name__)


class ClosableHost(Host, Protocol):
    """A host that the fleet starts and closes."""

    async def aclose(self) -> None:
        """Free the model."""
        ...


Start = Callable[[str], Awaitable[ClosableHost]]
"""Start a host, warmed up, for a model of the catalogue; raises SpeechError."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """What is told of a model that is loaded."""

    name: str
    lanes: int
    decodes: int
    """Decodes it has now, waiting ones included."""
    is_default: bool


@dataclass(slots=True)
class _Member:
    host: ClosableHost
    scheduler: Scheduler
    decodes: int = 0
    used_s: float = 0.0
    sessions: set[str] = field(default_factory=set)
    """Those in the middle of an utterance that it has begun to decode."""
    is_idle: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def name(self) -> str:
        return self.host.info.model

    def note_idle(self) -> None:
        if not self.decodes and not self.sessions:
            self.is_idle.set()


@dataclass(frozen=True, slots=True)
class _Begun:
    """By which member an utterance is decoded."""

    utterance: int
    member: _Member


class ModelFleet:
    """Decode on the model a request names, and on the default one otherwise."""

    partial_info: EngineInfo | None = None

    def __init__(
        self,
        start: Start,
        *,
        load: LoadMeter | None = None,
        cores: Cores | None = None,
        has_partials: bool = True,
    ) -> None:
        """Start models when asked to; `has_partials` tells whether they decode them."""
        self._start = start
        self._load = load
        self._cores = cores or Cores()
        self._has_partials = has_partials
        self._members: dict[str, _Member] = {}
        self._default = ""
        self._changing = asyncio.Lock()
        self._begun: dict[str, _Begun] = {}
        """By session; at most one each, as utterances are decoded one by one."""

    @property
    def info(self) -> EngineInfo:
        """Say what the default model is."""
        return self._members[self._default].host.info

    def info_for(self, name: str) -> EngineInfo | None:
        """Say what is loaded by a name, with or without its quantisation, or none."""
        member = self._find(name)
        return None if member is None else member.host.info

    def loaded(self) -> list[LoadedModel]:
        """Say what is loaded, the default first."""
        models = [
            LoadedModel(
                name, member.host.info.lanes, member.decodes, name == self._default
            )
            for name, member in self._members.items()
        ]
        return sorted(models, key=lambda model: (not model.is_default, model.name))

    async def decode(self, session_id: str, request: DecodeRequest) -> Hypothesis:
        """
        Decode as `Scheduler.decode` does, on the model that the request names.

        A model that is gone by now is replaced by the default: no word is lost. But an
        utterance ends on the model that it began with.
        """
        member = self._member_for(session_id, request)
        for other in self._members.values():
            if other is not member:
                other.scheduler.supersede(session_id, request.priority)
        async with self._using(member):
            return await member.scheduler.decode(session_id, request)

    def supersede(self, session_id: str, newer: Priority) -> None:
        """Let fail what a newer decode elsewhere makes worthless."""
        for member in self._members.values():
            member.scheduler.supersede(session_id, newer)

    def release(self, session_id: str) -> None:
        """Take that no utterance of a session needs its model any more."""
        begun = self._begun.pop(session_id, None)
        if begun is not None:
            begun.member.sessions.discard(session_id)
            begun.member.note_idle()

    async def load(self, name: str) -> EngineInfo:
        """Load a model beside those there are; raises SpeechError."""
        async with self._changing:
            return (await self._loaded(name)).host.info

    async def use(self, name: str) -> EngineInfo:
        """
        Make a model the default, loading it first, and let the old default go.

        What is asked from then on goes to the new one; the old one finishes what it
        has. Raises SpeechError, and the old one stays.
        """
        async with self._changing:
            member, old = await self._loaded(name), self._members.get(self._default)
            self._default = member.name
            self._note_default(member.host.info)
            if old is not None and old is not member:
                await self._drop(old)
            return member.host.info

    async def unload(self, name: str) -> None:
        """
        Let a model go, after its decodes; its sessions go on with the default.

        Raises:
            ModelNotLoaded: it is none of those loaded.
            ModelInUse: it is the default.
        """
        async with self._changing:
            member = self._find(name)
            if member is None or not name:
                raise ModelNotLoaded(f"{name}: expected a loaded model")
            if member.name == self._default:
                raise ModelInUse(f"{name} is the default; `use` another one first")
            await self._drop(member)

    async def unload_idle(self, idle_s: float) -> None:
        """Let models but the default go that were not used for so long, for ever."""
        now_s = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(idle_s / 4)
            for name, member in list(self._members.items()):
                is_idle = not member.decodes and now_s() - member.used_s > idle_s
                if is_idle and name != self._default:
                    logger.info("%s was not used for %g s", name, idle_s)
                    with suppress(ModelNotLoaded, ModelInUse):
                        await self.unload(name)

    async def aclose(self) -> None:
        """Free every model."""
        members, self._members = list(self._members.values()), {}
        for member in members:
            await member.host.aclose()

    def _note_default(self, info: EngineInfo) -> None:
        if self._load is not None:
            self._load.note_final_model(info)
            if self._has_partials:
                self._load.note_partial_model(info)

    def _member_for(self, session_id: str, request: DecodeRequest) -> _Member:
        begun = self._begun.get(session_id)
        if begun is not None and begun.utterance == request.utterance:
            return begun.member
        self.release(session_id)
        member = self._find(request.model) or self._members[self._default]
        if request.utterance:
            self._begun[session_id] = _Begun(request.utterance, member)
            member.sessions.add(session_id)
            member.is_idle.clear()
        return member

    def _find(self, name: str) -> _Member | None:
        if not name:
            return self._members.get(self._default)
        if name in self._members:
            return self._members[name]
        ranked = sorted(self._members, key=lambda known: known != self._default)
        plain = (known for known in ranked if _QUANT_SUFFIX.sub("", known) == name)
        return self._members.get(next(plain, ""))

    async def _loaded(self, name: str) -> _Member:
        """Return a model that is loaded by this name, or load it."""
        known = self._find(name)
        if known is not None:
            return known
        host = await self._start(name)
        known = self._members.get(host.info.model)
        if known is not None:
            # Another name for a model that is there already.
            await host.aclose()
            return known
        member = _Member(host, Scheduler(host, load=self._load, cores=self._cores))
        member.is_idle.set()
        member.used_s = asyncio.get_running_loop().time()
        self._members[member.name] = member
        return member

    async def _drop(self, member: _Member) -> None:
        del self._members[member.name]
        try:
            async with asyncio.timeout(DRAIN_S):
                await member.is_idle.wait()
        except TimeoutError:
            logger.error("%s: its last decodes took too long", member.name)
        for session_id in list(member.sessions):
            self.release(session_id)
        member.scheduler.close()
        await member.host.aclose()

    @asynccontextmanager
    async def _using(self, member: _Member) -> AsyncIterator[None]:
        member.decodes += 1
        member.is_idle.clear()
        try:
            yield
        finally:
            member.decodes -= 1
            member.used_s = asyncio.get_running_loop().time()
            member.note_idle()
