import numpy as np
from aiohttp import ClientSession, web

from scripts.bench.adapters.pace import (
    as_float32,
    as_pcm16,
    mono_16k_frames,
    send_paced,
)
from scripts.bench.audio import StreamAudio
from scripts.bench.timeline import SentFrame
from tests.scripts.bench.adapters.socket_server import acting


def test_a_clip_of_any_rate_is_cut_into_frames_of_16_khz_mono() -> None:
    second = np.full(2 * 8_000, 8_192, "<i2")
    audio = StreamAudio(second.tobytes(), 8_000, 2, 0.0, 1.0)
    frames = list(mono_16k_frames(audio))
    assert [len(frame) for frame in frames] == [960] * 16 + [640]
    assert abs(float(frames[5].mean()) - 0.25) < 0.01


def test_samples_become_pcm16_without_wrapping_around() -> None:
    samples = np.array([0.5, 1.0, -1.0], np.float32)
    assert np.frombuffer(as_pcm16(samples), "<i2").tolist() == [16_384, 32_767, -32_768]


def test_samples_become_float32() -> None:
    samples = np.array([0.5, -1.0], np.float32)
    assert np.frombuffer(as_float32(samples), "<f4").tolist() == [0.5, -1.0]


async def test_sending_ends_early_where_the_server_has_closed() -> None:
    async def leave(_: web.Request, socket: web.WebSocketResponse) -> None:
        await socket.close()

    sent: list[SentFrame] = []
    async with acting(leave) as url, ClientSession() as http:
        async with http.ws_connect(url) as socket:
            await socket.receive()
            sent = await send_paced(socket, [b"12"] * 3, 0.0)
    assert sent == []
