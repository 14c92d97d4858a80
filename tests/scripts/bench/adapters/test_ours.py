from pathlib import Path

import numpy as np
import pytest
from aiohttp import web

from scripts.bench.adapters.ours import (
    LISTENING,
    OurOptions,
    OurServer,
    read_counters,
    stream_to,
)
from scripts.bench.audio import StreamAudio
from scripts.bench.timeline import Timeline
from tests.scripted_server import (
    END,
    ERROR,
    FINAL,
    PARTIAL,
    READY,
    Script,
    playing,
    received_until_end,
    serving,
)
from whispercpp_ws.cli.serve import Address, greeting
from whispercpp_ws.engines.base import EngineInfo
from whispercpp_ws.metrics import Metrics


SPEECH = '{"type":"speech","state":"start","ts":0.5}'
SILENCE = '{"type":"speech","state":"end","ts":1.5}'
AUDIO = StreamAudio(np.zeros(2_400, "<i2").tobytes(), 16_000, 1, 0.0, 0.15)


async def timeline_of(script: Script) -> Timeline:
    async with serving(script) as url:
        return await stream_to(url, AUDIO, "en")


async def test_every_message_is_noted_with_its_time() -> None:
    found = await timeline_of(playing(SPEECH, PARTIAL, SILENCE, FINAL, END))
    assert [mark.is_start for mark in found.speech] == [True, False]
    assert [partial.stable for partial in found.shown] == ["ask"]
    assert [(final.text, final.lag_s) for final in found.settled] == [("Ask not.", 0.2)]
    assert 0.15 < found.settled[0].at_s <= found.closed_s
    assert found.failure == ""


async def test_frames_are_sent_at_real_time_pace() -> None:
    found = await timeline_of(playing(END))
    due_s = [frame.due_s for frame in found.sent]
    assert due_s == pytest.approx([0.06, 0.12, 0.18])
    assert all(frame.at_s >= frame.due_s for frame in found.sent)


async def test_audio_arrives_whole_after_the_start() -> None:
    frames: list[str | bytes] = []

    async def script(socket: web.WebSocketResponse) -> None:
        await socket.send_str(READY)
        frames.extend(await received_until_end(socket))
        await socket.send_str(END)

    await timeline_of(script)
    assert '"lang": "en"' in str(frames[0])
    assert b"".join(f for f in frames if isinstance(f, bytes)) == AUDIO.pcm


async def test_an_error_instead_of_ready_is_a_failure() -> None:
    async def script(socket: web.WebSocketResponse) -> None:
        await socket.send_str(ERROR)

    assert "no such model" in (await timeline_of(script)).failure


async def test_an_error_after_audio_keeps_what_came_before() -> None:
    found = await timeline_of(playing(FINAL, ERROR))
    assert "no such model" in found.failure
    assert len(found.settled) == 1


async def test_a_close_without_end_is_a_failure() -> None:
    assert "before the end" in (await timeline_of(playing(FINAL))).failure


async def test_a_message_that_is_none_is_a_failure() -> None:
    assert "JSON" in (await timeline_of(playing("{"))).failure


async def test_a_refused_connection_is_a_failure() -> None:
    found = await stream_to("ws://127.0.0.1:1/stt", AUDIO, "en")
    assert found.failure


def test_what_the_server_counts_is_read_from_what_it_shows() -> None:
    metrics = Metrics()
    metrics.decode_cpu_s.labels("partial").inc(0.25)
    metrics.vad_cpu_s.inc(0.5)
    metrics.encoder_flops.labels("final").inc(3e9)
    metrics.final_s.labels("queue").observe(0.125)
    assert read_counters(metrics.exposition().decode()) == {
        "decode_cpu_seconds.partial": 0.25,
        "vad_cpu_seconds": 0.5,
        "encoder_flops.final": 3e9,
        "final_seconds.queue.sum": 0.125,
        "final_seconds.queue.count": 1.0,
    }


async def test_a_server_that_is_gone_counts_nothing(tmp_path: Path) -> None:
    server = OurServer(OurOptions("base", "q8_0", 600), tmp_path / "log")
    assert await server.counters() == {}


def test_the_servers_greeting_is_understood() -> None:
    info = EngineInfo("whisper.cpp", "base-q8_0", ("en",), lanes=2)
    found = LISTENING.search(greeting(Address("127.0.0.1", 2700), info) + "\n")
    assert found is not None
    assert found.groups() == ("http://127.0.0.1:2700", "model base-q8_0, 2 lanes")


def test_options_become_flags() -> None:
    command = OurOptions("base", "q8_0", 600, ("--lanes", "1")).command
    assert command[-4:] == ["--endpoint", "600", "--lanes", "1"]
