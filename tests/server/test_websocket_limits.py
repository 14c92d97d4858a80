"""Where a session meets its limits: of time, audio, frames and connections."""

import asyncio

import pytest
from aiohttp import ClientWebSocketResponse, WSServerHandshakeError

from tests.server.conftest import MakeSite
from tests.server.peers import (
    BlockedDecoder,
    ScriptedDecoder,
    finals,
    kinds,
    limited,
    rest,
    start,
    wait_for,
)
from whispercpp_ws.decoding import DecodeRequest
from whispercpp_ws.transcript import Hypothesis


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


async def test_too_many_text_frames_end_the_session(
    socket: ClientWebSocketResponse,
) -> None:
    await start(socket)
    for _ in range(500):
        await socket.send_json({"op": "flush"})
    messages = await rest(socket)
    assert messages[-1]["code"] == "bad_request"
    assert "200 text frames" in messages[-1]["message"]


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


async def test_a_peer_that_answers_no_ping_is_let_go_and_its_session_kept(
    make_site: MakeSite, speech: bytes
) -> None:
    site = await make_site(limited(heartbeat_s=0.2))
    # It is there, reads what comes, and sends not even a pong.
    socket = await site.connect(autoping=False)
    await start(socket, lang="en")
    await socket.send_bytes(speech[:48_000])
    async with asyncio.timeout(5):
        await site.shared.all_left.wait()
    assert len(site.shared.sessions.kept) == 1


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
