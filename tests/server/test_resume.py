"""Sessions without a connection: how long and how many are kept, and for whom."""

import asyncio
import logging
from collections.abc import Callable

import pytest

from tests.server.peers import BlockedDecoder, ScriptedDecoder
from whispercpp_ws.config import LimitConfig
from whispercpp_ws.errors import Draining, UnknownSession
from whispercpp_ws.events import (
    AudioFormat,
    Event,
    Failed,
    Final,
    Ready,
    SessionOptions,
)
from whispercpp_ws.metrics import Metrics
from whispercpp_ws.server.inbox import Audio
from whispercpp_ws.server.live import LiveSession
from whispercpp_ws.server.pump import Log, SessionDecoder
from whispercpp_ws.server.resume import SessionRegistry
from whispercpp_ws.session.session import Session


LOG = Log(logging.getLogger(__name__), {})


class Timers:
    """Timers that ring when told."""

    def __init__(self) -> None:
        self.set: list[tuple[float, asyncio.TimerHandle]] = []

    def __call__(self, delay_s: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(delay_s, call, (), asyncio.get_running_loop())
        self.set.append((delay_s, handle))
        return handle

    def ring(self) -> None:
        for _, handle in self.set:
            if not handle.cancelled():
                handle._run()


class Holder:
    """A connection that notes what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.has_lost = False

    def deliver(self, event: Event, lag_ms: int | None = None) -> None:
        self.events.append(event)

    def note_pause(self, is_paused: bool) -> None:
        """Take no note."""

    def lose_session(self) -> None:
        self.has_lost = True


class Keeper:
    """A registry on timers of the test, and sessions for it."""

    def __init__(
        self, limits: LimitConfig | None = None, decoder: ScriptedDecoder | None = None
    ) -> None:
        self.limits = limits or LimitConfig()
        self.decoder = decoder or ScriptedDecoder()
        self.metrics = Metrics()
        self.timers = Timers()
        self.registry = SessionRegistry(
            self.limits, self.metrics, call_later=self.timers
        )

    def open(self, name: str, *, owner: str = "") -> tuple[LiveSession, Holder]:
        holder = Holder()
        session = LiveSession(
            Session(SessionOptions(language="en")),
            ready=Ready(name, "base", "en"),
            audio=AudioFormat(),
            owner=owner,
            decoder=SessionDecoder(self.decoder, name, metrics=self.metrics, log=LOG),
            limits=self.limits,
        )
        self.registry.add(session, holder)
        return session, holder

    def keep(self, session: LiveSession, holder: Holder) -> None:
        grace_s = self.limits.resume_grace_s
        self.registry.keep(session, holder, grace_s=grace_s)

    def value(self, name: str, **labels: str) -> float:
        full = f"whispercpp_ws_{name}"
        return self.metrics.registry.get_sample_value(full, labels) or 0.0


async def hear(session: LiveSession, pcm: bytes) -> None:
    await session.hear(Audio(bytearray(pcm), 0.0))


async def settle() -> None:
    """Let every decode that can finish do so."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_kept_session_is_found_by_its_name() -> None:
    keeper = Keeper()
    session, holder = keeper.open("a")
    keeper.keep(session, holder)
    assert keeper.registry.find("a", owner="") is session
    assert keeper.timers.set[0][0] == 30.0
    assert (keeper.value("sessions"), keeper.value("kept_sessions")) == (1, 1)


@pytest.mark.parametrize(("name", "owner"), [("b", "ann"), ("a", "bob"), ("a", "")])
async def test_a_session_that_is_not_yours_is_as_unknown_as_none(
    name: str, owner: str
) -> None:
    keeper = Keeper()
    keeper.open("a", owner="ann")
    with pytest.raises(UnknownSession, match=f"still keeps, got '{name}'") as refused:
        keeper.registry.find(name, owner=owner)
    assert refused.value.field == "resume"


async def test_a_session_taken_up_is_not_dropped_when_its_time_is_over() -> None:
    keeper = Keeper()
    session, holder = keeper.open("a")
    keeper.keep(session, holder)
    keeper.registry.take_up(session, Holder())
    keeper.timers.ring()
    assert keeper.registry.find("a", owner="") is session
    assert not holder.has_lost
    assert (keeper.value("kept_sessions"), keeper.value("resumed_sessions_total")) == (
        0,
        1,
    )


async def test_the_newer_connection_has_the_session() -> None:
    keeper = Keeper()
    session, older = keeper.open("a")
    newer = Holder()
    keeper.registry.take_up(session, newer)
    assert older.has_lost
    keeper.keep(session, older)
    assert session.holder is newer
    assert keeper.value("kept_sessions") == 0


async def test_the_end_of_the_grace_is_the_end_of_the_session(
    jfk_pcm: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = Keeper(decoder=BlockedDecoder())
    session, holder = keeper.open("a")
    await hear(session, jfk_pcm[:96_000])
    keeper.keep(session, holder)
    assert isinstance(keeper.decoder, BlockedDecoder)
    keeper.decoder.gate.set()
    await settle()
    assert session.untold_finals == 1
    with caplog.at_level("INFO"):
        keeper.timers.ring()
    assert "dropped session a (grace): nobody took its 1 finals" in caplog.text
    assert keeper.value("dropped_sessions_total", reason="grace") == 1
    assert keeper.value("dropped_finals_total") == 1
    assert keeper.value("sessions") == 0
    with pytest.raises(UnknownSession):
        keeper.registry.find("a", owner="")
    await session.aclose()


async def test_without_grace_no_session_is_kept() -> None:
    keeper = Keeper(LimitConfig(resume_grace_s=0))
    session, holder = keeper.open("a")
    keeper.keep(session, holder)
    assert keeper.registry.kept == []


async def test_of_too_many_sessions_the_one_kept_longest_goes() -> None:
    keeper = Keeper(LimitConfig(resume_sessions=2))
    for name in "abc":
        keeper.keep(*keeper.open(name))
    assert [session.id for session in keeper.registry.kept] == ["b", "c"]
    assert keeper.value("dropped_sessions_total", reason="sessions") == 1


async def test_an_owner_of_many_kept_sessions_crowds_nobody_out() -> None:
    keeper = Keeper(LimitConfig(resume_sessions=3))
    for name, owner in [("a", "ann"), ("b", "bob"), ("c", "bob"), ("d", "bob")]:
        keeper.keep(*keeper.open(name, owner=owner))
    assert [session.id for session in keeper.registry.kept] == ["a", "c", "d"]


async def test_of_too_much_memory_the_one_kept_longest_gives(jfk_pcm: bytes) -> None:
    keeper = Keeper(LimitConfig(resume_bytes=1_000_000), decoder=BlockedDecoder())
    for name in "ab":
        session, holder = keeper.open(name)
        await hear(session, jfk_pcm[:160_000])
        assert session.held_bytes == pytest.approx(5 * 128_000, rel=0.01)
        keeper.keep(session, holder)
    assert [session.id for session in keeper.registry.kept] == ["b"]
    assert keeper.value("dropped_sessions_total", reason="bytes") == 1
    await keeper.registry.aclose()


async def test_a_drain_computes_the_finals_of_kept_sessions_and_says_who_lost_them(
    jfk_pcm: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = Keeper()
    session, holder = keeper.open("a")
    await hear(session, jfk_pcm[:48_000])
    keeper.keep(session, holder)
    with caplog.at_level("INFO"):
        await keeper.registry.finish(Draining("bye"))
    assert "dropped session a (drain): nobody took its 1 finals" in caplog.text
    assert keeper.registry.kept == []


async def test_what_was_said_meanwhile_is_told_when_it_is_taken_up(
    jfk_pcm: bytes,
) -> None:
    keeper = Keeper()
    session, holder = keeper.open("a")
    keeper.keep(session, holder)
    await hear(session, jfk_pcm[:48_000])
    session.end(Draining("bye"))
    await session.over.wait()
    ready, events = session.take_up(0.0)
    assert (ready.session_id, ready.offset_s) == ("a", 0.0)
    assert [type(e) for e in events if isinstance(e, Final | Failed)] == [Final, Failed]
    assert not [e for e in holder.events if isinstance(e, Final)]
