"""What changes, ends or goes away while somebody speaks into the page."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import psutil
import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenPage, Serve
from tests.browser.driving import Visit
from tests.e2e.conftest import RunningServer, start_server
from tests.e2e.proxy import SwitchedProxy
from whispercpp_ws.config import Config, LimitConfig


ASKED_DEVICES = """() => {
    window.asked = [];
    const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => {
        window.asked.push(wanted.audio.deviceId?.exact ?? "");
        window.stream = await real(wanted);
        return window.stream;
    };
}"""
UNPLUG = """() => {
    const [track] = window.stream.getAudioTracks();
    track.stop();
    track.dispatchEvent(new Event("ended"));
}"""
"""What Chromium does when a device goes; its fake ones cannot be taken away."""


async def speaking(visit: Visit) -> None:
    await visit.page.evaluate(ASKED_DEVICES)
    await visit.start()
    await visit.sees_tentative_text()


async def test_another_microphone_goes_on_with_the_same_session(
    open_page: OpenPage, serve: Serve
) -> None:
    visit = await open_page(await serve())
    await speaking(visit)
    device = visit.page.locator("#device")
    options = device.locator('option:not([value=""])')
    await expect(options).not_to_have_count(0)
    chosen = await options.last.get_attribute("value")
    await device.select_option(chosen)
    await visit.page.wait_for_function("asked.length === 2")
    before = visit.audio_bytes
    await visit.has_sent_seconds(before / (2 * visit.sent[0]["rate"]) + 0.5)
    await visit.stop()
    assert await visit.page.evaluate("asked") == ["", chosen]
    assert visit.ops == ["start", "end"]
    assert await visit.text()


async def test_an_unplugged_microphone_is_told_and_no_word_is_lost(
    open_page: OpenPage, serve: Serve
) -> None:
    visit = await open_page(await serve())
    await speaking(visit)
    await visit.page.evaluate(UNPLUG)
    await visit.sees_problem("The microphone is gone")
    await visit.sees_state("Ready")
    assert visit.ops == ["start", "end"]
    assert await visit.text()
    await expect(visit.page.locator("#toggle")).to_have_text("Start")


@pytest.mark.model
async def test_another_model_writes_the_next_utterances(
    open_page: OpenPage, real_server: RunningServer, tiny_en_model: Path
) -> None:
    url = f"http://127.0.0.1:{real_server.port}/"
    async with loaded(url, tiny_en_model.stem.removeprefix("ggml-")) as model:
        hosts = real_server.engine_hosts()
        host = max(hosts, key=psutil.Process.create_time)
        visit = await open_page(url)
        await visit.start()
        await visit.sees_finals("fellow")
        idle_s = host.cpu_times().user
        await visit.page.select_option("#model", model)
        await visit.sees_finals("for your country")
        await visit.stop()
        assert host.cpu_times().user > idle_s
    assert visit.ops == ["start", "set", "end"]
    assert visit.sent[1]["model"] == model


async def test_a_server_that_shuts_down_keeps_what_was_said(
    open_page: OpenPage, own_server: RunningServer
) -> None:
    visit = await open_page(f"http://127.0.0.1:{own_server.port}/", may_fail=True)
    await speaking(visit)
    own_server.process.terminate()
    await visit.sees_problem("The server is shutting down")
    await visit.sees_state("Ready")
    assert await visit.text()
    assert await visit.page.locator("#tentative").inner_text() == ""
    assert await asyncio.to_thread(own_server.process.wait, 30) == 0


async def test_a_session_that_the_server_forgot_goes_on_in_a_new_one(
    open_page: OpenPage, serve: Serve
) -> None:
    port = urlsplit(await serve(Config(limits=LimitConfig(resume_grace_s=0)))).port
    assert port is not None
    proxy = SwitchedProxy(port)
    async with proxy.running() as url:
        visit = await open_page(url, may_fail=True)
        await speaking(visit)
        await expect(visit.page.locator("#finals p")).not_to_have_count(0)
        proxy.switch_off()
        await visit.sees_state("Connection lost")
        before = await visit.page.locator("#finals p").count()
        await proxy.switch_on()
        await visit.sees_state("Listening")
        await expect(visit.page.locator("#finals p")).not_to_have_count(before)
        await visit.stop()
    assert visit.ops == ["start", "start", "start", "end"]
    assert "resume" in visit.sent[1]
    assert "resume" not in visit.sent[2]


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RunningServer]:
    """A server that a test may end: the scripted engine in a process of its own."""
    yield from start_server(tmp_path, "--engine", "scripted")


@asynccontextmanager
async def loaded(url: str, model: str) -> AsyncIterator[str]:
    """Have another model on a server within the block."""
    async with aiohttp.ClientSession(raise_for_status=True) as http:
        await http.post(f"{url}admin/models/{model}/load")
        try:
            yield model
        finally:
            await http.post(f"{url}admin/models/{model}/unload")
