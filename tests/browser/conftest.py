"""A real Chromium with a microphone that plays a file; skipped where there is none."""

import shutil
import wave
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from tests.browser.driving import Visit
from tests.e2e.conftest import RunningServer, start_server
from tests.server.peers import ScriptedDecoder
from whispercpp_ws.config import Config, ListenConfig
from whispercpp_ws.metrics import Metrics
from whispercpp_ws.server.app import create_app
from whispercpp_ws.server.run import listening


NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
QUIET_FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--autoplay-policy=no-user-gesture-required "
    "--host-resolver-rules=MAP~speech.test~127.0.0.1"
)
SPEAKING = (
    "--use-fake-ui-for-media-stream --use-fake-device-for-media-stream "
    "--use-file-for-fake-audio-capture={}%noloop"
)
"""With the path of a file that its microphone plays."""
LEADING_SILENCE_S = 1
"""Who starts the page does not speak yet; a busy machine takes a while to listen."""
TRAILING_SILENCE_S = 4
"""Chromium repeats the last samples of its file for ever; let them be silent ones."""

OpenPage = Callable[..., Awaitable[Visit]]
Serve = Callable[..., Awaitable[str]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder, and say how to get what it needs."""
    here = Path(__file__).parent
    missing = pytest.mark.skip(
        reason="no Chromium on the PATH: install Debian's package `chromium` to run it"
    )
    for item in items:
        if here in item.path.parents and item.path.name != "test_modules.py":
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(180))
            if _chromium() is None:
                item.add_marker(missing)


def _chromium() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="session")
def spoken_wav(jfk_wav: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled speech with silence around it, for Chromium's fake microphone."""
    path = tmp_path_factory.mktemp("microphone") / "jfk.wav"
    with wave.open(str(jfk_wav)) as source, wave.open(str(path), "wb") as target:
        target.setparams(source.getparams())
        target.writeframes(bytes(2 * source.getframerate() * LEADING_SILENCE_S))
        target.writeframes(source.readframes(source.getnframes()))
        target.writeframes(bytes(2 * source.getframerate() * TRAILING_SILENCE_S))
    return path


@asynccontextmanager
async def chromium(*flags: str) -> AsyncIterator[Browser]:
    """Start the installed Chromium."""
    quiet = [flag.replace("~", " ") for flag in QUIET_FLAGS.split()]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=_chromium(), args=[*quiet, *flags]
        )
        try:
            yield browser
        finally:
            await browser.close()


@pytest.fixture
async def open_page(spoken_wav: Path) -> AsyncIterator[OpenPage]:
    """Open pages in browsers that close, and must have behaved, when the test ends."""
    speaking = tuple(SPEAKING.format(spoken_wav).split())
    async with AsyncExitStack() as stack:

        async def open_page(
            url: str,
            *,
            flags: tuple[str, ...] = speaking,
            may_fail: bool = False,
            scheme: str = "light",
            width: int = 900,
        ) -> Visit:
            browser = await stack.enter_async_context(chromium(*flags))
            context = await browser.new_context(
                viewport={"width": width, "height": 720},
                locale="en-US",
                color_scheme="dark" if scheme == "dark" else "light",
            )
            visit = Visit(await context.new_page(), url, may_fail=may_fail)
            await visit.open()
            return visit_of(visit)

        visits: list[Visit] = []

        def visit_of(visit: Visit) -> Visit:
            visits.append(visit)
            return visit

        yield open_page
        for visit in visits:
            visit.check()


@pytest.fixture(scope="package")
def real_server(base_model: Path) -> Iterator[RunningServer]:
    """One server with base-q8_0 for all tests of the folder, that refuses nobody: whose
    connection broke counts as a speaker for 10 s more, and the machine is busy."""
    yield from start_server(base_model.parent, "--max-load", "100")


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start servers with the scripted engine, which answers at once."""
    async with AsyncExitStack() as stack:

        async def start(config: Config | None = None, words: str = "") -> str:
            decoder = ScriptedDecoder(words.split()) if words else ScriptedDecoder()
            app = create_app(config or Config(), decoder, Metrics())
            where = listening(app, ListenConfig(port=0))
            port = await stack.enter_async_context(where)
            return f"http://127.0.0.1:{port}/"

        yield start
