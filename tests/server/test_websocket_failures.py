"""What a session hears of decodes that fail, and of overload."""

import pytest
from aiohttp import WSServerHandshakeError

from tests.server.conftest import MakeSite
from tests.server.peers import (
    ScriptedDecoder,
    always,
    finals,
    kinds,
    rest,
    say,
    start,
)
from whispercpp_ws.decoding import Priority
from whispercpp_ws.errors import (
    DecodeFailed,
    DecodeTimedOut,
    EngineCrashed,
    Overloaded,
    SpeechError,
    Superseded,
    WindowQuarantined,
)
from whispercpp_ws.scheduler.load import Unloaded
from whispercpp_ws.scheduler.pressure import LADDER


async def test_a_crash_during_partials_only_warns(
    make_site: MakeSite, speech: bytes
) -> None:
    crash = EngineCrashed("the engine's process ended")
    decoder = ScriptedDecoder(failures=always(crash), failing=Priority.PARTIAL)
    socket = await (await make_site(decoder=decoder)).connect()
    await start(socket, lang="en")
    await say(socket, speech[:96_000])
    await socket.send_json({"op": "end"})
    messages = await rest(socket)
    assert "warning" in kinds(messages)
    assert finals(messages)
    assert messages[-1]["type"] == "end"


async def test_a_partial_that_gave_way_to_a_final_is_no_news(
    make_site: MakeSite, speech: bytes
) -> None:
    gave_way = Superseded("a newer decode took its place")
    decoder = ScriptedDecoder(failures=always(gave_way), failing=Priority.PARTIAL)
    socket = await (await make_site(decoder=decoder)).connect()
    await start(socket, lang="en")
    await say(socket, speech[:96_000])
    await socket.send_json({"op": "end"})
    messages = await rest(socket)
    assert "warning" not in kinds(messages)
    assert finals(messages)


async def test_two_crashes_of_a_final_are_survived(
    make_site: MakeSite, speech: bytes
) -> None:
    failures: list[Exception] = [EngineCrashed("gone"), EngineCrashed("gone again")]
    decoder = ScriptedDecoder(failures=failures, failing=Priority.FINAL)
    site = await make_site(decoder=decoder)
    socket = await site.connect()
    await start(socket, lang="en")
    await socket.send_bytes(speech[:48_000])
    await socket.send_json({"op": "end"})
    assert finals(await rest(socket)) == ["one two three"]
    assert site.value("decode_failures_total", code="engine_crashed") == 2


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (EngineCrashed("gone"), 60),
        (DecodeTimedOut("no result"), 8),
        (DecodeFailed("code -7"), 1),
    ],
)
async def test_a_dead_engine_is_an_error_frame_not_a_dead_server(
    make_site: MakeSite, speech: bytes, error: SpeechError, tries: int
) -> None:
    decoder = ScriptedDecoder(failures=always(error), failing=Priority.FINAL)
    site = await make_site(decoder=decoder)
    socket = await site.connect()
    await start(socket, lang="en")
    await socket.send_bytes(speech[:48_000])
    await socket.send_json({"op": "end"})
    messages = await rest(socket)
    assert messages[-1]["code"] == error.code
    assert socket.close_code == 1011
    assert site.value("decode_failures_total", code=error.code) == tries
    assert (await start(await site.connect()))["type"] == "ready"


async def test_a_final_outlives_an_engine_that_is_killed_again_and_again(
    make_site: MakeSite, speech: bytes
) -> None:
    deaths: list[Exception] = [EngineCrashed("killed")] * 30
    decoder = ScriptedDecoder(failures=deaths, failing=Priority.FINAL)
    socket = await (await make_site(decoder=decoder)).connect()
    await start(socket, lang="en")
    await socket.send_bytes(speech[:48_000])
    await socket.send_json({"op": "end"})
    assert finals(await rest(socket)) == ["one two three"]


async def test_audio_that_crashes_the_engine_is_left_out_and_the_session_goes_on(
    make_site: MakeSite, speech: bytes
) -> None:
    decoder = ScriptedDecoder(
        failures=[WindowQuarantined("crashed twice")] * 2, failing=Priority.FINAL
    )
    socket = await (await make_site(decoder=decoder)).connect()
    await start(socket, lang="en")
    await socket.send_bytes(speech)
    await socket.send_json({"op": "end"})
    messages = await rest(socket)
    warnings = [m for m in messages if m["type"] == "warning"]
    assert {warning["code"] for warning in warnings} == {"window_quarantined"}
    assert messages[-1]["type"] == "end"
    assert finals(messages)


class Pressed(Unloaded):
    """A load at one rung of the ladder, which the top one refuses."""

    def __init__(self, name: str) -> None:
        self.pressure = next(each for each in LADDER if each.name == name)

    def admit(self) -> int:
        if not self.pressure.admits:
            raise Overloaded("busy")
        return super().admit()


async def test_a_session_under_pressure_is_told_and_gets_all_its_finals(
    make_site: MakeSite, speech: bytes
) -> None:
    site = await make_site(load=Pressed("no_partials"))
    socket = await site.connect()
    await start(socket, lang="en")
    await socket.send_bytes(speech)
    await socket.send_json({"op": "end"})
    messages = await rest(socket)
    [warning] = [m for m in messages if m["type"] == "warning"]
    assert (warning["code"], warning["step_ms"]) == ("overload", 1500)
    assert len(finals(messages)) > 0
    assert site.value("shed_partials_total") > 0


async def test_an_overloaded_server_refuses_before_the_upgrade(
    make_site: MakeSite,
) -> None:
    site = await make_site(load=Pressed("refuse"))
    with pytest.raises(WSServerHandshakeError) as refused:
        await site.connect()
    assert refused.value.status == 503
    assert refused.value.headers is not None
    assert int(refused.value.headers["Retry-After"]) > 0
    assert site.value("connections") == 0


async def test_a_mistake_of_ours_ends_one_session_and_says_so(
    make_site: MakeSite, speech: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    decoder = ScriptedDecoder(failures=[ZeroDivisionError("a bug")])
    socket = await (await make_site(decoder=decoder)).connect()
    await start(socket, lang="en")
    await socket.send_bytes(speech[:48_000])
    await socket.send_json({"op": "end"})
    messages = await rest(socket)
    assert messages[-1]["code"] == "internal"
    assert "a bug" not in messages[-1]["message"]
    assert "ZeroDivisionError" in caplog.text
    assert socket.close_code == 1011
