"""
The unmodified web client of vosk-server, out of a checkout of it, in Chromium.

VOSK_SERVER_CHECKOUT names the checkout. Its two scripts, with a worklet and with a
script processor, declare the same names, so that on its own page only the first one
runs; each gets that page here without the other's tag.
"""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from playwright.async_api import Page, expect

from tests.browser.conftest import SPEAKING, chromium
from tests.browser.driving import PATIENCE_MS
from tests.e2e.compatibility import proves
from tests.e2e.conftest import free_port, start_on_vosks_port
from tests.e2e.foreign import checkout


pytestmark = pytest.mark.model

TAG = '<script type="text/javascript" src="voice_client_with_{}.js"></script>'
OPEN_MICROPHONE = """
    const devices = navigator.mediaDevices;
    const ask = devices.getUserMedia.bind(devices);
    let stream;
    devices.getUserMedia = (wanted) => (stream ??= ask(wanted));
"""
"""A microphone that is open already answers at once. The worklet stops for good when it
is run before it is connected, as today's Chromium does while the page asks again."""


@pytest.fixture(scope="module")
def page_port(base_model: Path) -> Iterator[int]:
    """Serve where the client expects vosk-server, to pages of the port returned."""
    checkout("vosk-server")
    port = free_port()
    origin = f"http://localhost:{port}"
    for _ in start_on_vosks_port(base_model.parent, "--allowed-origins", origin):
        yield port


@asynccontextmanager
async def served(port: int, other: str) -> AsyncIterator[str]:
    """Serve the client's files, the page without the tag of the other script."""
    folder = checkout("vosk-server") / "client-samples/javascript"
    page = (folder / "index.html").read_text("utf-8").replace(TAG.format(other), "")

    async def send_page(_request: web.Request) -> web.Response:
        return web.Response(text=page, content_type="text/html")

    app = web.Application()
    app.add_routes([web.get("/", send_page), web.static("/", folder)])
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "localhost", port).start()
        yield f"http://localhost:{port}/"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def visited(url: str, microphone: Path) -> AsyncIterator[Page]:
    flag = SPEAKING.format(microphone)
    async with chromium(*flag.split()) as browser:
        page = await browser.new_page()
        await page.add_init_script(OPEN_MICROPHONE)
        await page.goto(url)
        yield page


@proves("Vosk", "unmodified web client: worklet, script processor", "vosk-server")
@pytest.mark.parametrize(
    ("buttons", "other"),
    [
        (("#listen", "#stopListening"), "script_processor"),
        (
            ("#listenWithScript", "#stopListeningWithScript"),
            "audio_worklet",
        ),
    ],
)
async def test_the_web_client_shows_what_was_said_last(
    page_port: int, spoken_wav: Path, buttons: tuple[str, str], other: str
) -> None:
    listen, stop = buttons
    async with (
        served(page_port, other) as url,
        visited(url, spoken_wav) as page,
    ):
        await page.dispatch_event(listen, "mousedown")
        shown = re.compile("what you can do for your country")
        await expect(page.locator("#q")).to_have_value(shown, timeout=PATIENCE_MS)
        await page.dispatch_event(stop, "mouseup")
