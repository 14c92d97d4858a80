"""Wyoming on a TCP port: framing, both ways to write data, and broken peers."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.server.conftest import MakeSite
from tests.server.peers import ScriptedDecoder, Site
from whispercpp_ws.config import Config, LimitConfig, ListenConfig, TokenConfig
from whispercpp_ws.errors import ConfigError
from whispercpp_ws.metrics import Metrics
from whispercpp_ws.server.app import create_app
from whispercpp_ws.server.drain import drain
from whispercpp_ws.server.run import listening
from whispercpp_ws.server.wyoming import wyoming_listening


AUDIO = {"rate": 16000, "width": 2, "channels": 1}


@dataclass
class Peer:
    """A client that writes its frames itself."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, kind: str, data: Any = None, payload: bytes = b"") -> None:
        """Send an event with its data within the line."""
        header = {"type": kind, "data": data, "payload_length": len(payload)}
        self.writer.write(json.dumps(header).encode() + b"\n" + payload)

    def send_apart(self, kind: str, data: Any) -> None:
        """Send an event with its data after the line, as the package does."""
        block = json.dumps(data).encode()
        header = {"type": kind, "data_length": len(block)}
        self.writer.write(json.dumps(header).encode() + b"\n" + block)

    async def rest(self) -> list[Any]:
        """Return every event until the server closes."""
        async with asyncio.timeout(10):
            lines = (await self.reader.read()).splitlines()
        return [json.loads(line) for line in lines]


@asynccontextmanager
async def connected(site: Site) -> AsyncIterator[Peer]:
    async with wyoming_listening(site.shared, "127.0.0.1", 0) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        yield Peer(reader, writer)
        writer.close()
        async with asyncio.timeout(10):
            await site.shared.all_left.wait()
        # One turn of the loop, for the server's task to end after its connection.
        await asyncio.sleep(0)


def kinds(events: list[Any]) -> list[str]:
    return [event["type"] for event in events]


async def test_speech_becomes_one_transcript(
    make_site: MakeSite, speech: bytes
) -> None:
    async with connected(await make_site()) as peer:
        peer.send_apart("transcribe", {"language": "en"})
        peer.send("audio-start", AUDIO)
        for start in range(0, len(speech), 2048):
            peer.send("audio-chunk", AUDIO, speech[start : start + 2048])
        peer.send("audio-stop")
        said = await peer.rest()
    chunks = [e["data"]["text"] for e in said if e["type"] == "transcript-chunk"]
    assert kinds(said)[0] == "transcript-start"
    assert kinds(said)[-2:] == ["transcript", "transcript-stop"]
    assert said[-2]["data"]["text"] == "".join(chunks)
    assert len(chunks) > 1


async def test_silence_is_an_empty_transcript(make_site: MakeSite) -> None:
    async with connected(await make_site()) as peer:
        peer.send("audio-chunk", AUDIO, bytes(32_001))
        peer.send("audio-stop")
        (said,) = await peer.rest()
    assert said["data"] == {"text": ""}


async def test_describe_names_the_model(make_site: MakeSite) -> None:
    async with connected(await make_site()) as peer:
        peer.send("describe")
        info = json.loads(await peer.reader.readline())
    assert info["data"]["asr"][0]["models"][0]["name"] == "base-q8_0"


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense\n",
        b"[]\n",
        b'{"type":"x","data_length":-1}\n',
        b'{"type":"x","payload_length":"9"}\n',
        b'{"type":"x","payload_length":99999999}\n',
        b'{"type":"x","data":7,"data_length":2}\n{}',
        b"\xff\n",
        b'{"type":"x","data_length":2}\n[]',
        b"[" * 60_000 + b"\n",
        b"x" * 70_000 + b"\n",
    ],
)
async def test_a_broken_line_is_an_error_and_the_end(
    make_site: MakeSite, line: bytes
) -> None:
    site = await make_site(Config(limits=LimitConfig(max_frame_bytes=4096)))
    async with connected(site) as peer:
        peer.writer.write(line)
        (error,) = await peer.rest()
    assert (error["type"], error["data"]["code"]) == ("error", "bad_json")


async def test_with_a_token_key_clients_are_refused(make_site: MakeSite) -> None:
    site = await make_site(Config(tokens=TokenConfig(key="k" * 32)))
    async with connected(site) as peer:
        peer.send("audio-start", AUDIO)
        (error,) = await peer.rest()
    assert error["data"]["code"] == "unauthorized"


async def test_no_client_is_taken_during_a_drain(make_site: MakeSite) -> None:
    site = await make_site()
    await drain(site.app)
    async with connected(site) as peer:
        assert await peer.rest() == []


async def test_an_application_listens_on_its_wyoming_port(
    make_site: MakeSite,
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    site = await make_site(Config(listen=ListenConfig(wyoming_port=port)))
    peer = Peer(*await asyncio.open_connection("127.0.0.1", port))
    peer.send("ping", {"text": "p"})
    assert json.loads(await peer.reader.readline())["type"] == "pong"
    peer.writer.close()
    await site.shared.all_left.wait()
    await asyncio.sleep(0)


async def test_a_port_that_is_taken_is_a_config_error(make_site: MakeSite) -> None:
    site = await make_site()
    async with wyoming_listening(site.shared, "127.0.0.1", 0) as port:
        with pytest.raises(ConfigError, match="--wyoming-port"):
            async with wyoming_listening(site.shared, "127.0.0.1", port):
                pass


async def test_a_name_is_announced_with_an_ipv4_address_only(
    unused_tcp_port: int,
) -> None:
    listen = ListenConfig(
        "localhost", wyoming_port=unused_tcp_port, wyoming_name="here"
    )
    app = create_app(Config(listen=listen), ScriptedDecoder(), Metrics())
    with pytest.raises(ConfigError, match="--wyoming-name"):
        async with listening(app, ListenConfig(port=0)):
            pass
