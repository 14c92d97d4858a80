"""The page as a person uses it, on a server whose engine answers at once."""

import re
import time
from pathlib import Path

import aiohttp
import jwt
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from tests.browser.conftest import OpenPage, Serve
from tests.browser.driving import Visit
from whispercpp_ws.config import Config, LimitConfig, TokenConfig


KEY = "a shared secret of thirty-two bytes or more"
SPY_ON_PLAYER = """() => {
    window.played = [];
    const start = AudioBufferSourceNode.prototype.start;
    AudioBufferSourceNode.prototype.start = function () {
        window.played.push(this.buffer.duration);
        return start.call(this);
    };
}"""


async def violations(visit: Visit) -> list[str]:
    """Name what axe-core finds serious or worse."""
    results = await Axe().run(visit.page)
    return [
        f"{found['id']}: {found['nodes'][0]['html']}"
        for found in results.response["violations"]
        if found["impact"] in {"serious", "critical"}
    ]


async def dropped(visit: Visit, wav: Path) -> None:
    """Stream a file to its end."""
    await visit.drop(wav)
    await visit.sees_finals("eight one two three")
    await visit.sees_state("Ready")


# Controls


async def test_the_space_bar_starts_and_stops(
    open_page: OpenPage, serve: Serve
) -> None:
    visit = await open_page(await serve())
    await visit.page.keyboard.press("Space")
    await visit.sees_state("Listening")
    await visit.page.keyboard.press("Space")
    await visit.sees_state("Ready")
    assert visit.ops == ["start", "end"]


async def test_the_space_bar_held_down_is_push_to_talk(
    open_page: OpenPage, serve: Serve
) -> None:
    visit = await open_page(await serve())
    await visit.page.keyboard.down("Space")
    await visit.sees_tentative_text()
    await visit.page.keyboard.up("Space")
    await visit.sees_state("Ready")
    assert await visit.text()
    assert visit.ops[-1] == "end"


async def test_the_talk_button_holds_the_utterance_while_it_is_down(
    open_page: OpenPage, serve: Serve
) -> None:
    visit = await open_page(await serve())
    await visit.page.hover("#talk")
    await visit.page.mouse.down()
    await visit.sees_tentative_text()
    await visit.page.mouse.up()
    await visit.sees_state("Ready")
    assert visit.ops == ["start", "hold", "end"]


async def test_languages_and_models_come_from_the_server_and_change_between_utterances(
    open_page: OpenPage, serve: Serve
) -> None:
    visit = await open_page(await serve())
    await expect(visit.page.locator("#model")).to_have_value("base-q8_0")
    russian = visit.page.locator("#language option[value=ru]")
    await expect(russian).to_have_text("Russian")
    await visit.start()
    await visit.sees_state("Listening")
    await visit.page.select_option("#language", "ru")
    await visit.stop()
    assert visit.sent[1]["op"] == "set"
    assert visit.sent[1]["lang"] == "ru"


async def test_the_interface_speaks_russian_and_remembers_it(
    open_page: OpenPage, serve: Serve
) -> None:
    visit = await open_page(await serve())
    await visit.page.select_option("#interface", "ru")
    await expect(visit.page.locator("#toggle")).to_have_text("Начать")
    russian = visit.page.locator("#language option[value=ru]")
    await expect(russian).to_have_text("Русский")
    await visit.page.reload()
    await expect(visit.page.locator("html")).to_have_attribute("lang", "ru")
    await expect(visit.page.locator("#copy")).to_have_text("Копировать")


async def test_a_word_and_an_utterance_can_be_heard_again(
    open_page: OpenPage, serve: Serve, jfk_wav: Path
) -> None:
    visit = await open_page(await serve())
    await dropped(visit, jfk_wav)
    await visit.page.evaluate(SPY_ON_PLAYER)
    await visit.page.locator(".word").first.click()
    await visit.page.wait_for_function("played.length === 1")
    await visit.page.locator("#finals button").first.click()
    await visit.page.wait_for_function("played.length === 2")
    word_s, utterance_s = await visit.page.evaluate("played")
    assert 0 < word_s < utterance_s < 11


async def test_a_word_can_be_chosen_with_the_keyboard(
    open_page: OpenPage, serve: Serve, jfk_wav: Path
) -> None:
    visit = await open_page(await serve())
    await dropped(visit, jfk_wav)
    await visit.page.evaluate(SPY_ON_PLAYER)
    await visit.page.locator("#finals button").first.focus()
    await visit.page.keyboard.press("ArrowRight")
    await visit.page.keyboard.press("ArrowRight")
    chosen = visit.page.locator(".chosen")
    second = visit.page.locator("#finals p").first.locator(".word").nth(1)
    await expect(chosen).to_have_text(await second.inner_text())
    await visit.page.keyboard.press("Enter")
    await visit.page.wait_for_function("played.length === 1")


async def test_the_transcript_can_be_copied(
    open_page: OpenPage, serve: Serve, jfk_wav: Path
) -> None:
    visit = await open_page(await serve())
    await visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await dropped(visit, jfk_wav)
    await visit.page.click("#copy")
    await expect(visit.page.locator("#note")).to_contain_text("Copied")
    copied = await visit.page.evaluate("navigator.clipboard.readText()")
    assert "eight one two three" in copied


async def test_the_transcript_can_be_cleared(
    open_page: OpenPage, serve: Serve, jfk_wav: Path
) -> None:
    visit = await open_page(await serve())
    await dropped(visit, jfk_wav)
    await visit.page.click("#clear")
    assert await visit.text() == ""
    await expect(visit.page.locator("#empty")).to_be_visible()


async def test_a_second_session_goes_on_where_the_first_ended(
    open_page: OpenPage, serve: Serve, jfk_wav: Path
) -> None:
    visit = await open_page(await serve())
    await dropped(visit, jfk_wav)
    before = await visit.page.locator("#finals li").count()
    await visit.drop(jfk_wav)
    await expect(visit.page.locator("#finals li")).to_have_count(2 * before)
    times = await visit.page.locator("#finals button").all_inner_texts()
    assert times == sorted(times)
    assert times[before] >= "0:11"


# Messages


async def test_a_microphone_that_is_not_allowed_is_explained(
    open_page: OpenPage, serve: Serve
) -> None:
    flags = ("--use-fake-device-for-media-stream", "--deny-permission-prompts")
    visit = await open_page(await serve(), flags=flags)
    await visit.start()
    await visit.sees_problem("was not allowed")
    await visit.sees_state("Ready")


async def test_a_missing_microphone_is_explained(
    open_page: OpenPage, serve: Serve
) -> None:
    flags = ("--use-fake-ui-for-media-stream",)
    visit = await open_page(await serve(), flags=flags)
    await visit.start()
    await visit.sees_problem("No microphone was found")


async def test_an_insecure_origin_is_told_what_to_do_and_may_drop_files(
    open_page: OpenPage, serve: Serve, jfk_wav: Path
) -> None:
    url = (await serve()).replace("127.0.0.1", "speech.test")
    visit = await open_page(url)
    await visit.sees_problem("https://")
    await visit.sees_problem("ssh -L")
    await dropped(visit, jfk_wav)


async def test_a_full_server_says_so(open_page: OpenPage, serve: Serve) -> None:
    url = await serve(Config(limits=LimitConfig(max_connections=1)))
    visit = await open_page(url, may_fail=True)
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{url}stt"):
        await visit.start()
        await visit.sees_problem("The server is full")
    await visit.sees_state("Ready")


async def test_a_token_is_asked_for_and_taken(
    open_page: OpenPage, serve: Serve
) -> None:
    visit = await open_page(await serve(Config(tokens=TokenConfig(key=KEY))))
    await visit.start()
    await visit.sees_problem("access token is needed")
    await visit.page.fill("#token", token())
    await visit.page.keyboard.press("Enter")
    await expect(visit.page.locator("#model")).to_have_value("base-q8_0")
    await visit.start()
    await visit.sees_state("Listening")
    await visit.stop()


async def test_a_token_in_the_fragment_is_used_and_leaves_the_address(
    open_page: OpenPage, serve: Serve
) -> None:
    url = await serve(Config(tokens=TokenConfig(key=KEY)))
    visit = await open_page(f"{url}#token={token()}")
    assert visit.page.url == url
    await visit.start()
    await visit.sees_state("Listening")
    await visit.stop()
    assert visit.sent[0]["token"]


async def test_a_file_that_is_no_audio_is_explained(
    open_page: OpenPage, serve: Serve
) -> None:
    visit = await open_page(await serve())
    await visit.drop(Path(__file__))
    await visit.sees_problem("cannot read test_page.py as audio")
    await visit.sees_state("Ready")


def token() -> str:
    return jwt.encode({"iat": time.time(), "exp": time.time() + 60}, KEY, "HS256")


# Everybody


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_serious(
    open_page: OpenPage, serve: Serve, jfk_wav: Path, scheme: str
) -> None:
    visit = await open_page(await serve(), scheme=scheme)
    assert await violations(visit) == []
    await dropped(visit, jfk_wav)
    await visit.start()
    await visit.sees_tentative_text()
    assert await violations(visit) == []
    await visit.photograph(f"scripted-{scheme}")
    await visit.stop()


async def test_only_finals_are_in_a_live_region(
    open_page: OpenPage, serve: Serve, jfk_wav: Path
) -> None:
    visit = await open_page(await serve())
    live = visit.page.locator("[aria-live]")
    await expect(live).to_have_count(1)
    await dropped(visit, jfk_wav)
    lines = (await visit.text()).splitlines()
    await expect(live).to_have_text(lines[-1])


async def test_a_phone_shows_it_without_scrolling_sideways(
    open_page: OpenPage, serve: Serve, jfk_wav: Path
) -> None:
    visit = await open_page(await serve(), width=360, scheme="dark")
    await dropped(visit, jfk_wav)
    for language in ("en", "ru"):
        await visit.page.select_option("#interface", language)
        width = await visit.page.evaluate("document.documentElement.scrollWidth")
        assert width <= 360
    await visit.photograph("phone", keep=True)


@pytest.mark.parametrize(
    ("words", "direction", "between"),
    [("مرحبا بكم في المدينة", "rtl", " "), ("你好 世界 今天 天气", "ltr", "")],
)
async def test_other_scripts_are_written_their_way(
    open_page: OpenPage,
    serve: Serve,
    jfk_wav: Path,
    words: str,
    direction: str,
    between: str,
) -> None:
    visit = await open_page(await serve(words=words))
    await visit.drop(jfk_wav)
    first, second, *_ = words.split()
    await visit.sees_finals(first)
    line = visit.page.locator("#finals p").first
    assert re.search(f"{first}{between}{second}", await line.inner_text())
    script = "element => getComputedStyle(element).direction"
    assert await line.evaluate(script) == direction
    await visit.sees_state("Ready")


# The server's state


async def test_the_status_page_draws_the_metrics(
    open_page: OpenPage, serve: Serve, jfk_wav: Path
) -> None:
    url = await serve()
    await dropped(await open_page(url), jfk_wav)
    visit = await open_page(f"{url}status")
    await visit.sees_state("As of")
    models = visit.page.locator("#models")
    await expect(models).to_contain_text("base-q8_0")
    tiles = visit.page.locator("#tiles")
    await expect(tiles).to_contain_text("Sessions")
    drawings = visit.page.locator(".bars[role=img]")
    assert await drawings.count() >= 3
    assert await violations(visit) == []
    await visit.page.set_viewport_size({"width": 900, "height": 1500})
    await visit.photograph("status")
