"""Loopback servers on the scripted engine, and clients of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from aiohttp import ClientWebSocketResponse
from aiohttp.test_utils import TestClient, TestServer

from tests.server.peers import ScriptedDecoder, Site
from whispercpp_ws.config import Config
from whispercpp_ws.metrics import Metrics
from whispercpp_ws.server.app import create_app
from whispercpp_ws.server.decoder import Decoder
from whispercpp_ws.server.shedding import Load


MakeSite = Callable[..., Awaitable[Site]]


@pytest.fixture
async def make_site() -> AsyncIterator[MakeSite]:
    """Start servers that stop, and must have no tasks left, when the test ends."""
    before = asyncio.all_tasks()
    async with AsyncExitStack() as stack:

        async def make(
            config: Config | None = None,
            decoder: Decoder | None = None,
            load: Load | None = None,
        ) -> Site:
            metrics = Metrics()
            app = create_app(
                config or Config(), decoder or ScriptedDecoder(), metrics, load=load
            )
            client = await stack.enter_async_context(TestClient(TestServer(app)))
            return Site(app, client, metrics)

        yield make
    assert asyncio.all_tasks() - before <= {asyncio.current_task()}


@pytest.fixture
async def socket(make_site: MakeSite) -> ClientWebSocketResponse:
    """Connect to a server with default options."""
    return await (await make_site()).connect()


@pytest.fixture
def speech(jfk_pcm: bytes) -> bytes:
    """Return 11 s of 16 kHz PCM16 speech with four pauses."""
    return jfk_pcm
