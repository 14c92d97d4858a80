"""What every request meets: health, files, origins, tokens, headers."""

import re
import time

import jwt
import pytest
from aiohttp import ClientWebSocketResponse, WSServerHandshakeError

from tests.server.conftest import MakeSite
from tests.server.peers import ScriptedDecoder, Site, rest, start
from whispercpp_ws.config import Config, LimitConfig, ListenConfig, TokenConfig
from whispercpp_ws.engines.base import EngineInfo
from whispercpp_ws.errors import ConfigError
from whispercpp_ws.metrics import Metrics
from whispercpp_ws.server.app import WEB_FILES, create_app


KEY = "a shared secret of thirty-two bytes or more"
PAGES = ("/", "/status")
MAX_PAGE_BYTES = 60_000
"""A page and all it loads, as it is on the wire."""
WITH_KEY = Config(tokens=TokenConfig(key=KEY))


def token(lifetime_s: float = 60.0) -> str:
    now = time.time()
    return jwt.encode({"iat": now, "exp": now + lifetime_s}, KEY, "HS256")


async def connection_refused(site: Site, headers: dict[str, str]) -> int:
    with pytest.raises(WSServerHandshakeError) as refused:
        await site.connect(headers=headers)
    return refused.value.status


async def last_error(socket: ClientWebSocketResponse) -> tuple[str, int | None]:
    return (await rest(socket))[-1]["code"], socket.close_code


async def test_health_says_live_and_ready(make_site: MakeSite) -> None:
    site = await make_site()
    live = await site.client.get("/health/live")
    ready = await site.client.get("/health/ready")
    assert await live.json() == {"status": "live"}
    assert await ready.json() == {"status": "ready", "model": "base-q8_0"}


async def test_health_names_the_model_of_partials_too(make_site: MakeSite) -> None:
    decoder = ScriptedDecoder()
    decoder.partial_info = EngineInfo("scripted", "tiny-q8_0", ("en",), lanes=1)
    site = await make_site(decoder=decoder)
    ready = await (await site.client.get("/health/ready")).json()
    assert (ready["model"], ready["partial_model"]) == ("base-q8_0", "tiny-q8_0")


async def test_a_draining_server_is_not_ready_and_takes_nobody(
    make_site: MakeSite,
) -> None:
    site = await make_site()
    site.shared.is_draining = True
    assert (await site.client.get("/health/ready")).status == 503
    assert await connection_refused(site, {}) == 503


@pytest.mark.parametrize("path", [*PAGES, *(f"/{name}" for name in WEB_FILES)])
async def test_the_pages_are_served_with_security_headers(
    make_site: MakeSite, path: str
) -> None:
    response = await (await make_site()).client.get(path)
    policy = response.headers["Content-Security-Policy"].split("; ")
    assert response.status == 200
    assert policy[0] == "default-src 'self'"
    assert not re.search(r"unsafe|\*|blob:|data:|http", " ".join(policy))
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert response.headers["X-Request-Id"]


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_and_all_it_loads_are_small(
    make_site: MakeSite, path: str
) -> None:
    client = (await make_site()).client
    waiting, loaded = [path], {}
    while waiting:
        name = waiting.pop()
        loaded[name] = await (await client.get(name)).text()
        found = re.findall(
            r'(?:src|href|from|Module\()[ =]?"\.?/?([\w-]+\.\w+)"', loaded[name]
        )
        waiting += [f"/{other}" for other in found if f"/{other}" not in loaded]
    assert len(loaded) > 4
    assert sum(len(text.encode()) for text in loaded.values()) < MAX_PAGE_BYTES


@pytest.mark.parametrize("path", PAGES)
async def test_the_pages_have_no_inline_code(make_site: MakeSite, path: str) -> None:
    page = await (await (await make_site()).client.get(path)).text()
    assert "<style" not in page
    assert page.count("<script") == page.count("<script type=") == 1
    assert not re.search(r"\son\w+=|\sstyle=", page)


@pytest.mark.parametrize("path", ["/../pyproject.toml", "/py.typed", "/web/page.js"])
async def test_no_other_file_is_served(make_site: MakeSite, path: str) -> None:
    assert (await (await make_site()).client.get(path)).status == 404


async def test_metrics_are_shown_on_this_machine_only(make_site: MakeSite) -> None:
    client = (await make_site()).client
    text = await (await client.get("/metrics")).text()
    forwarded = await client.get("/metrics", headers={"X-Forwarded-For": "192.0.2.1"})
    assert "whispercpp_ws_connections 0.0" in text
    assert forwarded.status == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ""])
async def test_pages_of_other_sites_cannot_connect(
    make_site: MakeSite, origin: str
) -> None:
    assert await connection_refused(await make_site(), {"Origin": origin}) == 403


async def test_own_and_listed_pages_can_connect(make_site: MakeSite) -> None:
    listed = Config(listen=ListenConfig(allowed_origins=("https://app.example",)))
    site = await make_site(listed)
    for origin in (str(site.client.make_url("")).rstrip("/"), "https://app.example"):
        socket = await site.connect(headers={"Origin": origin})
        assert (await start(socket))["type"] == "ready"


async def test_a_token_is_taken_from_start(make_site: MakeSite) -> None:
    socket = await (await make_site(WITH_KEY)).connect()
    assert (await start(socket, token=token()))["type"] == "ready"


async def test_a_token_is_taken_from_the_header(make_site: MakeSite) -> None:
    headers = {"Authorization": f"Bearer {token()}"}
    socket = await (await make_site(WITH_KEY)).connect(headers=headers)
    assert (await start(socket))["type"] == "ready"


async def test_a_token_is_taken_from_the_subprotocol_and_never_logged(
    make_site: MakeSite, caplog: pytest.LogCaptureFixture
) -> None:
    secret = token()
    caplog.set_level("DEBUG")
    socket = await (await make_site(WITH_KEY)).connect(protocols=("bearer", secret))
    assert socket.protocol == "bearer"
    assert (await start(socket))["type"] == "ready"
    assert secret not in caplog.text


async def test_an_offer_of_other_subprotocols_is_refused_and_never_logged(
    make_site: MakeSite, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {"Sec-WebSocket-Protocol": "token, somebodys-key"}
    assert await connection_refused(await make_site(), headers) == 400
    assert "somebodys-key" not in caplog.text


async def test_bearer_without_a_token_leaves_it_to_start(make_site: MakeSite) -> None:
    socket = await (await make_site(WITH_KEY)).connect(protocols=("bearer",))
    assert (await start(socket, token=token()))["type"] == "ready"


@pytest.mark.parametrize("fields", [{}, {"token": "wrong"}, {"token": None}])
async def test_no_session_starts_without_a_good_token(
    make_site: MakeSite, fields: dict[str, str]
) -> None:
    socket = await (await make_site(WITH_KEY)).connect()
    await socket.send_json({"op": "start", **fields})
    assert await last_error(socket) == ("unauthorized", 1008)


async def test_a_bad_token_in_the_header_is_refused_before_the_upgrade(
    make_site: MakeSite,
) -> None:
    headers = {"Authorization": "Bearer wrong"}
    assert await connection_refused(await make_site(WITH_KEY), headers) == 401


async def test_any_token_will_do_where_none_is_asked_for(make_site: MakeSite) -> None:
    socket = await (await make_site()).connect(headers={"Authorization": "Bearer x"})
    assert (await start(socket, token="y"))["type"] == "ready"


async def test_a_session_ends_when_its_token_expires(make_site: MakeSite) -> None:
    limits = LimitConfig(quiet_flush_s=0.05)
    site = await make_site(Config(tokens=TokenConfig(key=KEY), limits=limits))
    socket = await site.connect()
    assert (await start(socket, token=token(0.2)))["type"] == "ready"
    assert await last_error(socket) == ("unauthorized", 1008)


def test_strangers_are_not_served_by_accident() -> None:
    exposed = Config(listen=ListenConfig(host="0.0.0.0"))
    with pytest.raises(ConfigError, match="--insecure"):
        create_app(exposed, ScriptedDecoder(), Metrics())
