"""Taking a session up again, over sockets, as a foreign client would."""

import asyncio
import time
from typing import Any

import jwt
import pytest
from aiohttp import ClientWebSocketResponse

from tests.server.conftest import MakeSite
from tests.server.peers import (
    BlockedDecoder,
    Message,
    ScriptedDecoder,
    Site,
    finals,
    next_message,
    rest,
    start,
    vanish,
    wait_for,
)
from whispercpp_ws.config import Config, LimitConfig, TokenConfig


KEY = "a shared secret of thirty-two bytes or more"


async def resume(socket: ClientWebSocketResponse, name: str, **fields: Any) -> Message:
    await socket.send_json({"op": "start", "resume": name, **fields})
    return await next_message(socket)


async def opened(site: Site, **fields: Any) -> tuple[ClientWebSocketResponse, str]:
    """Start a session and return its connection and its name."""
    socket = await site.connect()
    return socket, (await start(socket, lang="en", **fields))["session"]


async def taken_up(site: Site, name: str) -> ClientWebSocketResponse:
    """Take a session up on a new connection, from its start."""
    socket = await site.connect()
    await resume(socket, name, offset=0)
    return socket


async def said_in_the_end(socket: ClientWebSocketResponse) -> list[Message]:
    """End the audio and return all that is said then."""
    await socket.send_json({"op": "end"})
    return await rest(socket)


async def undisturbed(site: Site, speech: bytes) -> list[Message]:
    socket = await site.connect()
    await start(socket, lang="en")
    await socket.send_bytes(speech)
    return [m for m in await said_in_the_end(socket) if m["type"] == "final"]


def without_lag(messages: list[Message]) -> list[Message]:
    return [{k: v for k, v in m.items() if k != "lag_ms"} for m in messages]


async def test_a_client_that_replays_all_gets_what_a_quiet_line_gives(
    make_site: MakeSite, speech: bytes
) -> None:
    site = await make_site()
    expected = await undisturbed(site, speech)
    first, name = await opened(site)
    await first.send_bytes(speech[:150_001])
    await wait_for(first, "partial")
    await vanish(first, site)
    second = await site.connect()
    ready = await resume(second, name, offset=0)
    await second.send_bytes(speech)
    messages = await said_in_the_end(second)
    assert (ready["type"], ready["session"], ready["offset"]) == ("ready", name, 0)
    got = [m for m in messages if m["type"] == "final"]
    assert without_lag(got) == without_lag(expected)
    assert messages[-1]["type"] == "end"
    assert site.value("resumed_sessions_total") == 1


async def test_what_an_ack_confirmed_is_not_said_again(
    make_site: MakeSite, speech: bytes
) -> None:
    site = await make_site()
    first, name = await opened(site)
    await first.send_bytes(speech)
    final = await wait_for(first, "final")
    ack = await wait_for(first, "ack")
    await vanish(first, site)
    second = await site.connect()
    offset_s = ack["offset"]
    assert (await resume(second, name, offset=offset_s))["offset"] == offset_s
    at = int(offset_s * 1000) * 32
    await second.send_bytes(speech[at:])
    messages = await said_in_the_end(second)
    numbers = [m["utterance"] for m in messages if m["type"] == "final"]
    assert numbers[0] == final["utterance"] + 1
    assert messages[-1]["finals"] == len(numbers) + 1


async def test_without_an_offset_the_server_says_how_much_it_heard(
    make_site: MakeSite, speech: bytes
) -> None:
    site = await make_site()
    first, name = await opened(site)
    await first.send_bytes(speech[:48_001])
    await wait_for(first, "partial")
    await vanish(first, site)
    second = await site.connect()
    ready = await resume(second, name)
    assert ready["offset"] == 1.5
    await second.send_bytes(speech[48_000:])
    texts = finals(await said_in_the_end(second))
    assert texts == [m["text"] for m in await undisturbed(site, speech)]


async def test_finals_can_be_asked_for_after_end(
    make_site: MakeSite, speech: bytes
) -> None:
    decoder = BlockedDecoder()
    site = await make_site(decoder=decoder)
    first, name = await opened(site)
    await first.send_bytes(speech[:48_000])
    await first.send_json({"op": "end"})
    await decoder.asked.wait()
    await vanish(first, site)
    decoder.gate.set()
    second = await taken_up(site, name)
    await second.send_bytes(speech[:48_000])
    messages = await said_in_the_end(second)
    assert finals(messages) == ["one two three"]
    assert (messages[-1]["type"], second.close_code) == ("end", 1000)


async def test_a_session_that_ended_well_is_forgotten(
    make_site: MakeSite, speech: bytes
) -> None:
    site = await make_site()
    first, name = await opened(site)
    await said_in_the_end(first)
    await site.shared.all_left.wait()
    assert site.value("sessions") == 0
    second = await site.connect()
    assert (await resume(second, name, offset=0))["code"] == "unknown_session"


async def test_the_newer_of_two_connections_wins(
    make_site: MakeSite, speech: bytes
) -> None:
    site = await make_site()
    older, name = await opened(site)
    await older.send_bytes(speech[:48_000])
    newer = await site.connect()
    assert (await resume(newer, name, offset=0))["type"] == "ready"
    last = (await rest(older))[-1]
    assert (last["code"], last["retryable"]) == ("session_taken", False)
    assert older.close_code == 4409
    await newer.send_bytes(speech)
    texts = finals(await said_in_the_end(newer))
    assert texts == [m["text"] for m in await undisturbed(site, speech)]


async def test_audio_that_waits_on_the_older_connection_is_not_heard_twice(
    make_site: MakeSite, speech: bytes
) -> None:
    decoder = BlockedDecoder()
    site = await make_site(
        Config(limits=LimitConfig(pause_backlog_s=0.5, quiet_flush_s=60)), decoder
    )
    older, name = await opened(site)
    await older.send_bytes(speech + speech)
    await wait_for(older, "warning")
    newer = await site.connect()
    await resume(newer, name, offset=0)
    decoder.gate.set()
    await newer.send_bytes(speech + speech)
    messages = await said_in_the_end(newer)
    assert messages[-1]["offset"] == 22.0


async def test_the_next_audio_must_join_what_was_heard(
    make_site: MakeSite, speech: bytes
) -> None:
    site = await make_site()
    first, name = await opened(site)
    await first.send_bytes(speech[:48_000])
    await wait_for(first, "partial")
    await vanish(first, site)
    second = await site.connect()
    answer = await resume(second, name, offset=1.501)
    assert (answer["code"], answer["field"]) == ("bad_start", "offset")
    assert "at most 1.5" in answer["message"]
    third = await site.connect()
    assert (await resume(third, name, offset=0))["type"] == "ready"


async def test_a_session_whose_events_are_no_longer_kept_is_unknown(
    make_site: MakeSite, speech: bytes
) -> None:
    site = await make_site(Config(limits=LimitConfig(resume_events=1)))
    first, name = await opened(site)
    await first.send_bytes(speech)
    await wait_for(first, "ack")
    await vanish(first, site)
    second = await site.connect()
    answer = await resume(second, name, offset=0)
    assert answer["code"] == "unknown_session"
    assert "no longer kept" in answer["message"]


async def test_commands_before_what_was_heard_are_not_obeyed_again(
    make_site: MakeSite, speech: bytes
) -> None:
    site = await make_site()
    first, name = await opened(site)
    await first.send_bytes(speech[:48_000])
    await first.send_json({"op": "flush"})
    await first.send_bytes(speech[48_000:])
    await wait_for(first, "final")
    await wait_for(first, "final")
    await vanish(first, site)
    second = await taken_up(site, name)
    await second.send_bytes(speech[:48_000])
    await second.send_json({"op": "flush"})
    await second.send_bytes(speech[48_000:])
    numbers = [
        m["utterance"] for m in await said_in_the_end(second) if m["type"] == "final"
    ]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) > 2


async def test_a_client_that_closed_its_side_can_only_ask_for_finals(
    make_site: MakeSite, speech: bytes
) -> None:
    site = await make_site()
    first, name = await opened(site)
    await first.send_bytes(speech[:48_000])
    await first.close()
    await site.shared.all_left.wait()
    second = await taken_up(site, name)
    messages = await rest(second)
    assert finals(messages) == ["one two three"]
    assert messages[-1]["type"] == "end"


async def test_a_close_frame_of_a_broken_peer_leaves_the_session_open(
    make_site: MakeSite, speech: bytes
) -> None:
    site = await make_site()
    first, name = await opened(site)
    await first.send_bytes(speech[:48_000])
    await first.close(code=1011)
    await site.shared.all_left.wait()
    second = await taken_up(site, name)
    await second.send_bytes(speech)
    texts = finals(await said_in_the_end(second))
    assert texts == [m["text"] for m in await undisturbed(site, speech)]


def token(subject: str) -> str:
    now = time.time()
    claims = {"iat": now, "exp": now + 60, "sub": subject}
    return jwt.encode(claims, KEY, "HS256")


async def test_only_the_same_subject_takes_a_session_up(make_site: MakeSite) -> None:
    site = await make_site(Config(tokens=TokenConfig(key=KEY)))
    first = await site.connect()
    name = (await start(first, token=token("ann")))["session"]
    await vanish(first, site)
    other = await resume(await site.connect(), name, offset=0, token=token("bob"))
    assert other["code"] == "unknown_session"
    none = await resume(await site.connect(), name, offset=0)
    assert none["code"] == "unauthorized"
    same = await resume(await site.connect(), name, offset=0, token=token("ann"))
    assert same["type"] == "ready"


async def test_a_subject_has_no_more_sessions_than_allowed_and_loses_a_kept_one_first(
    make_site: MakeSite,
) -> None:
    limits = LimitConfig(subject_sessions=1)
    site = await make_site(Config(tokens=TokenConfig(key=KEY), limits=limits))
    first = await site.connect()
    name = (await start(first, token=token("ann")))["session"]
    over = await site.connect()
    refusal = await start(over, token=token("ann"))
    assert (refusal["code"], refusal["retryable"]) == ("quota", True)
    await rest(over)
    assert over.close_code == 4429
    await vanish(first, site)
    assert (await start(await site.connect(), token=token("ann")))["type"] == "ready"
    answer = await resume(await site.connect(), name, token=token("ann"))
    assert answer["code"] == "unknown_session"
    assert site.value("dropped_sessions_total", reason="quota") == 1
    assert (await start(await site.connect(), token=token("bob")))["type"] == "ready"


async def test_a_mistake_of_the_peer_ends_its_session(make_site: MakeSite) -> None:
    site = await make_site()
    first, name = await opened(site)
    await first.send_str("{not json")
    await rest(first)
    answer = await resume(await site.connect(), name, offset=0)
    assert answer["code"] == "unknown_session"


async def test_resuming_does_not_make_a_session_longer(make_site: MakeSite) -> None:
    site = await make_site(Config(limits=LimitConfig(max_session_s=1)))
    first, name = await opened(site)
    began_s = asyncio.get_running_loop().time()
    await vanish(first, site)
    second = await taken_up(site, name)
    assert (await rest(second))[-1]["code"] == "session_too_long"
    assert asyncio.get_running_loop().time() - began_s < 1.9


async def test_a_slow_reader_finds_its_finals_when_it_comes_back(
    make_site: MakeSite, speech: bytes
) -> None:
    site = await make_site(
        Config(limits=LimitConfig(outbound_events=1)), ScriptedDecoder()
    )
    first, name = await opened(site)
    await first.send_bytes(speech)
    await site.shared.all_left.wait()
    assert site.value("slow_readers_total", limit="outbound_events") == 1
    assert name in [session.id for session in site.shared.sessions.kept]


@pytest.mark.parametrize("audio_format", ["pcm16le", "mulaw"])
async def test_replayed_bytes_are_skipped_wherever_frames_are_cut(
    make_site: MakeSite, speech: bytes, audio_format: str
) -> None:
    site = await make_site()
    hello = {"rate": 11_025, "format": audio_format, "channels": 3}
    first, name = await opened(site, **hello)
    frame_bytes = 6 if audio_format == "pcm16le" else 3
    speech = speech[: 50_000 * frame_bytes]
    await first.send_bytes(speech[:150_007])
    await wait_for(first, "speech")
    await vanish(first, site)
    second = await site.connect()
    await resume(second, name, offset=0.001)
    at = 11 * frame_bytes
    for piece in (speech[at : at + 1], speech[at + 1 : 99_991], speech[99_991:]):
        await second.send_bytes(piece)
    last = (await said_in_the_end(second))[-1]
    assert last["type"] == "end"
    assert last["offset"] == pytest.approx(50_000 / 11_025, abs=0.001)


async def test_audio_after_leaving_is_an_error_and_not_silently_lost(
    make_site: MakeSite, speech: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("whispercpp_ws.server.connection.LINGER_S", 0.05)
    decoder = BlockedDecoder()
    site = await make_site(decoder=decoder)
    first, name = await opened(site)
    await first.send_bytes(speech[:48_000])
    await decoder.asked.wait()
    await first.close()
    await site.shared.all_left.wait()
    second = await taken_up(site, name)
    await second.send_bytes(speech)
    last = (await rest(second))[-1]
    assert last["code"] == "unknown_session"
    assert "ended when its connection was closed" in last["message"]
