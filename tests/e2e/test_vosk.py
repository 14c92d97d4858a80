"""Vosk's own test clients, as their loops are, with the `websockets` package."""

import json
from typing import Any

import pytest
import websockets

from tests.e2e.compatibility import proves
from tests.e2e.conftest import RunningServer
from tests.e2e.speaking import cut
from tests.e2e.test_speech import wrong_words


pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]

CHUNK = 6400
"""0.2 s of 16 kHz audio, as vosk-server's test.py cuts it."""


async def lock_step(
    port: int, pcm: bytes, config: dict[str, object]
) -> tuple[list[dict[str, Any]], int | None]:
    """Read one reply after each frame, and one after eof, as test.py does."""
    replies = []
    url = f"ws://127.0.0.1:{port}"
    async with websockets.connect(url, ping_interval=1, ping_timeout=5) as socket:
        await socket.send(json.dumps({"config": {"sample_rate": 16000, **config}}))
        for chunk in cut(pcm, CHUNK):
            await socket.send(chunk)
            replies.append(json.loads(await socket.recv()))
        await socket.send('{"eof" : 1}')
        replies.append(json.loads(await socket.recv()))
        await socket.wait_closed()
        return replies, socket.close_code


@proves("Vosk", "lock-step, words with times, close 1000", "websockets")
async def test_a_lock_step_client_gets_the_words_with_times(
    server: RunningServer, jfk_pcm: bytes
) -> None:
    replies, close_code = await lock_step(server.port, jfk_pcm, {})
    results = [reply for reply in replies if reply.get("text")]
    words = [word for result in results for word in result["result"]]
    text = " ".join(result["text"] for result in results)
    assert close_code == 1000
    assert wrong_words(text) <= 1
    assert text == text.lower()
    assert [word["word"] for word in words] == text.split()
    starts = [word["start"] for word in words]
    assert starts == sorted(starts)
    assert 0 <= starts[0] < starts[-1] < 11


@proves("Vosk", "words off, alternatives", "websockets")
async def test_words_can_be_left_out_and_alternatives_asked_for(
    server: RunningServer, jfk_pcm: bytes
) -> None:
    plain, _ = await lock_step(server.port, jfk_pcm[:96_000], {"words": 0})
    many, _ = await lock_step(server.port, jfk_pcm[:96_000], {"max_alternatives": 20})
    assert [r for r in plain if r.get("text") and "result" not in r]
    found = [reply["alternatives"][0] for reply in many if "alternatives" in reply]
    assert any("fellow" in alternative["text"] for alternative in found)
