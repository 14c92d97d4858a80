"""Whole sessions of the native dialect over loopback."""

import asyncio
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError

from tests.server.conftest import MakeSite
from tests.server.peers import (
    BlockedDecoder,
    ScriptedDecoder,
    always,
    finals,
    kinds,
    rest,
    start,
    wait_for,
)
from whispercpp_ws.config import Config, LimitConfig
from whispercpp_ws.decoding import DecodeRequest, Priority
from whispercpp_ws.engines.scripted import DEFAULT_WORDS
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
from whispercpp_ws.transcript import Hypothesis


def limited(**limits: Any) -> Config:
    return Config(limits=LimitConfig(**limits))


class SlowFor(ScriptedDecoder):
    """Answer one session only when `gate` is set, and others at once."""

    def __init__(self, slow_session: str) -> None:
        super().__init__()
        self.slow_session = slow_session
        self.gate = asyncio.Event()

    async def decode(self, session_id: str, request: DecodeRequest) -> Hypothesis:
        if session_id == self.slow_session:
            await self.gate.wait()
        return await super().decode(session_id, request)


async def say(
    socket: ClientWebSocketResponse, audio: bytes, *, frame_bytes: int = 3200
) -> None:
    for at in range(0, len(audio), frame_bytes):
        await socket.send_bytes(audio[at : at + frame_bytes])


async def test_speech_becomes_partials_and_finals(
    socket: ClientWebSocketResponse, speech: bytes
) -> None:
    ready = await start(socket, lang="en", model="base")
    await say(socket, speech)
    await socket.send_json({"op": "end"})
    messages = await rest(socket)
    assert (ready["type"], ready["model"], ready["lang"]) == ("ready", "base", "en")
    assert {"speech", "partial", "final", "ack"} <= set(kinds(messages))
    assert messages[-1]["type"] == "end"
    assert messages[-1]["finals"] == len(finals(messages)) > 0
    assert socket.close_code == 1000


async def test_partials_and_finals_say_how_late_they_are(
    socket: ClientWebSocketResponse, speech: bytes
) -> None:
    await start(socket)
    await say(socket, speech)
    await socket.send_json({"op": "end"})
    texts = [m for m in await rest(socket) if m["type"] in {"partial", "final"}]
    assert all(0 <= message["lag_ms"] < 10_000 for message in texts)


async def test_what_decodes_and_finals_took_is_counted(
    make_site: MakeSite, speech: bytes
) -> None:
    site = await make_site()
    socket = await site.connect()
    await start(socket, lang="en")
    await say(socket, speech)
    await socket.send_json({"op": "end"})
    said = len(finals(await rest(socket)))
    for stage in ("endpoint", "queue", "decode"):
        assert site.value("final_seconds_count", stage=stage) == said > 0
    partials = site.value("decode_seconds_count", priority="partial")
    assert site.value("lane_seconds_count", kind="partial") == partials > 0
    assert site.value("queue_seconds_count", kind="partial") == partials


@pytest.mark.parametrize("frame_bytes", [1, 7, 3200, 1 << 20])
async def test_any_framing_of_the_audio_gives_the_same_finals(
    make_site: MakeSite, speech: bytes, frame_bytes: int
) -> None:
    socket = await (await make_site()).connect()
    await start(socket)
    await say(socket, speech[:128_000], frame_bytes=frame_bytes)
    await socket.send_json({"op": "end"})
    said = [" ".join(DEFAULT_WORDS[:4]), DEFAULT_WORDS[0]]
    assert finals(await rest(socket)) == said


async def test_flush_finishes_the_open_utterance(
    socket: ClientWebSocketResponse, speech: bytes
) -> None:
    await start(socket)
    await socket.send_bytes(speech[:48_000])
    await socket.send_json({"op": "flush"})
    assert (await wait_for(socket, "final"))["utterance"] == 1


async def test_hold_keeps_one_utterance_open_through_pauses(
    socket: ClientWebSocketResponse, speech: bytes
) -> None:
    await start(socket, lang="en")
    await socket.send_json({"op": "hold"})
    await say(socket, speech)
    await socket.send_json({"op": "end"})
    assert len(finals(await rest(socket))) == 1


async def test_a_client_that_goes_quiet_gets_its_final(
    make_site: MakeSite, speech: bytes
) -> None:
    site = await make_site(limited(quiet_flush_s=0.05))
    socket = await site.connect()
    await start(socket)
    await socket.send_bytes(speech[:48_000])
    assert (await wait_for(socket, "final"))["utterance"] == 1


async def test_set_changes_the_next_utterance(
    socket: ClientWebSocketResponse, speech: bytes
) -> None:
    await start(socket)
    await socket.send_json({"op": "set", "lang": "ru", "words": False})
    await socket.send_bytes(speech[:48_000])
    await socket.send_json({"op": "end"})
    final = next(m for m in await rest(socket) if m["type"] == "final")
    assert final["lang"] == "ru"
    assert "words" not in final


async def test_pings_are_answered_while_a_decode_hangs(
    make_site: MakeSite, speech: bytes
) -> None:
    decoder = BlockedDecoder()
    socket = await (await make_site(decoder=decoder)).connect(autoping=False)
    await start(socket)
    await socket.send_bytes(speech[:48_000])
    await decoder.asked.wait()
    await socket.ping(b"still there?")
    while (frame := await socket.receive()).type is WSMsgType.TEXT:
        pass
    assert (frame.type, frame.data) == (WSMsgType.PONG, b"still there?")
    decoder.gate.set()
    await wait_for(socket, "partial")


@pytest.mark.parametrize(
    ("frames", "code", "field", "close_code"),
    [
        (["{not json"], "bad_json", None, 4400),
        (["[1]"], "bad_json", None, 4400),
        ([b"\0\0"], "audio_before_start", "op", 4400),
        ([{"op": "end"}], "audio_before_start", "op", 4400),
        ([{"op": "sing"}], "bad_message", "op", 4400),
        ([{"op": "start", "rate": True}], "bad_start", "rate", 4400),
        ([{"op": "start", "format": "mp3"}], "unknown_format", "format", 4400),
        ([{"op": "start", "model": "huge"}], "unknown_model", "model", 4400),
        ([{"op": "start", "lang": "fr"}], "bad_start", "lang", 4400),
        ([{"op": "start", "lang": "xx"}], "bad_start", "lang", 4400),
        ([{"op": "start", "lang": ["en", "fr"]}], "bad_start", "lang", 4400),
        ([{"op": "start", "resume": "abc"}], "unknown_session", "resume", 4400),
        ([{"op": "start"}, {"op": "start"}], "already_started", None, 4400),
        ([{"op": "start"}, {"op": "set", "lang": "fr"}], "bad_message", "lang", 4400),
        ([{"op": "start"}, b"\0\0\0", {"op": "end"}], "bad_audio", "audio", 4400),
        ([b"\0" * ((1 << 20) + 1)], "frame_too_large", None, 1009),
        ([b"\0" * (3 << 20)], "frame_too_large", None, 1009),
        ([{"op": "flush", "x": "y" * 70_000}], "bad_json", None, 4400),
    ],
)
async def test_what_is_wrong_is_told_once_and_then_closed(
    socket: ClientWebSocketResponse,
    frames: list[bytes | str | dict[str, Any]],
    code: str,
    field: str | None,
    close_code: int,
) -> None:
    for frame in frames:
        if isinstance(frame, bytes):
            await socket.send_bytes(frame)
        elif isinstance(frame, str):
            await socket.send_str(frame)
        else:
            await socket.send_json(frame)
    messages = [m for m in await rest(socket) if m["type"] == "error"]
    assert [(m["code"], m.get("field")) for m in messages] == [(code, field)]
    assert socket.close_code == close_code
    assert messages[0]["request_id"]


async def test_too_many_text_frames_end_the_session(
    socket: ClientWebSocketResponse,
) -> None:
    await start(socket)
    for _ in range(500):
        await socket.send_json({"op": "flush"})
    messages = await rest(socket)
    assert messages[-1]["code"] == "bad_request"
    assert "200 text frames" in messages[-1]["message"]


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


async def test_a_client_that_vanishes_leaves_nothing_behind(
    make_site: MakeSite, speech: bytes
) -> None:
    decoder = BlockedDecoder()
    site = await make_site(limited(resume_grace_s=0), decoder)
    socket = await site.connect()
    await start(socket)
    await socket.send_bytes(speech[:48_000])
    await decoder.asked.wait()
    assert socket._response.connection is not None
    transport = socket._response.connection.transport
    assert transport is not None
    transport.abort()
    await site.shared.all_left.wait()
    assert site.value("sessions") == site.value("connections") == 0


async def test_start_must_come_in_time(make_site: MakeSite) -> None:
    socket = await (await make_site(limited(start_timeout_s=0.05))).connect()
    messages = await rest(socket)
    assert [m["code"] for m in messages] == ["idle"]
    assert socket.close_code == 4408


async def test_an_idle_session_ends_after_its_finals(
    make_site: MakeSite, speech: bytes
) -> None:
    socket = await (await make_site(limited(idle_timeout_s=0.1))).connect()
    await start(socket)
    await socket.send_bytes(speech[:48_000])
    messages = await rest(socket)
    assert finals(messages) == ["one two three"]
    assert messages[-1]["code"] == "idle"


async def test_a_session_has_a_longest_length(
    make_site: MakeSite, speech: bytes
) -> None:
    socket = await (await make_site(limited(max_session_s=0.1))).connect()
    await start(socket)
    await socket.send_bytes(speech[:48_000])
    messages = await rest(socket)
    assert finals(messages) == ["one two three"]
    assert messages[-1]["code"] == "session_too_long"
    assert socket.close_code == 1008


async def test_audio_that_nobody_can_decode_ends_with_4413(
    make_site: MakeSite, speech: bytes
) -> None:
    decoder = BlockedDecoder()
    limits = limited(pause_backlog_s=0.2, max_backlog_s=0.2)
    socket = await (await make_site(limits, decoder)).connect()
    await start(socket)
    await socket.send_bytes(speech + speech)
    await decoder.asked.wait()
    asyncio.get_running_loop().call_later(0.5, decoder.gate.set)
    messages = await rest(socket)
    assert messages[-1]["code"] == "audio_too_fast"
    assert finals(messages)
    assert socket.close_code == 4413


async def test_a_client_whose_audio_waits_is_warned_once(
    make_site: MakeSite, speech: bytes
) -> None:
    decoder = BlockedDecoder()
    site = await make_site(limited(pause_backlog_s=0.5), decoder)
    socket = await site.connect()
    await start(socket, lang="en")
    await socket.send_bytes(speech + speech)
    warning = await wait_for(socket, "warning")
    decoder.gate.set()
    await socket.send_json({"op": "end"})
    messages = await rest(socket)
    assert (warning["code"], "more than 0.5 s" in warning["message"]) == (
        "backlog",
        True,
    )
    assert "warning" not in kinds(messages)
    assert messages[-1]["offset"] == 22.0
    assert site.value("read_pauses_total") >= 1


async def test_an_upload_that_waits_keeps_nobody_else_waiting(
    make_site: MakeSite, speech: bytes
) -> None:
    decoder = SlowFor("upload")
    site = await make_site(limited(pause_backlog_s=0.5), decoder)
    upload, live = await site.connect(), await site.connect()
    decoder.slow_session = (await start(upload, lang="en"))["session"]
    for _ in range(8):
        await upload.send_bytes(speech)
    await wait_for(upload, "warning")
    await start(live, lang="en")
    await live.send_bytes(speech[:48_000])
    await live.send_json({"op": "end"})
    assert finals(await rest(live)) == ["one two three"]
    decoder.gate.set()
    await upload.send_json({"op": "end"})
    assert (await rest(upload))[-1]["offset"] == 88.0


async def test_fast_audio_waits_for_decodes_and_loses_nothing(
    make_site: MakeSite, speech: bytes
) -> None:
    socket = await (await make_site(limited(pause_backlog_s=0.1))).connect()
    await start(socket)
    await socket.send_bytes(speech + speech)
    await socket.send_json({"op": "end"})
    messages = await rest(socket)
    assert messages[-1]["offset"] == pytest.approx(22.0, abs=0.05)
    assert messages[-1]["type"] == "end"


async def test_more_connections_than_allowed_are_refused_before_the_upgrade(
    make_site: MakeSite,
) -> None:
    site = await make_site(limited(max_connections=1))
    async with await site.connect():
        with pytest.raises(WSServerHandshakeError) as refused:
            await site.connect()
    assert refused.value.status == 503
    assert refused.value.headers is not None
    assert refused.value.headers["Retry-After"] == "5"
    assert site.value("refused_connections_total", code="overloaded") == 1


async def test_a_place_is_free_again_after_a_connection_ends(
    make_site: MakeSite,
) -> None:
    site = await make_site(limited(max_connections=1))
    socket = await site.connect()
    await socket.close()
    await site.shared.all_left.wait()
    assert (await start(await site.connect()))["type"] == "ready"
