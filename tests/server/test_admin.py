"""Models of a running server are changed by those who may, and by nobody else."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import FormData, web
from aiohttp.test_utils import TestClient, TestServer

from tests.server.peers import Site, finals, rest, start
from whispercpp_ws.client.admin import change_model, loaded_models
from whispercpp_ws.config import Config, TokenConfig
from whispercpp_ws.errors import (
    BadModelFile,
    ModelError,
    ModelInUse,
    ServiceError,
    Unauthorized,
)
from whispercpp_ws.metrics import Metrics
from whispercpp_ws.scheduler.fleet import ModelFleet
from whispercpp_ws.scheduler.host import EngineHost
from whispercpp_ws.scheduler.wire import HostSpec
from whispercpp_ws.server.app import create_app


async def start_host(name: str) -> EngineHost:
    if name == "corrupt":
        raise BadModelFile("corrupt: not a model")
    return await EngineHost.start(HostSpec("scripted", name))


async def served(config: Config) -> AsyncIterator[Site]:
    fleet, metrics = ModelFleet(start_host), Metrics()
    await fleet.use("base-q8_0")
    app = create_app(config, fleet, metrics, models=fleet)
    async with TestClient(TestServer(app)) as client:
        yield Site(app, client, metrics)
    await fleet.aclose()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async for site in served(Config()):
        yield site


@pytest.fixture
async def guarded() -> AsyncIterator[Site]:
    async for site in served(Config(tokens=TokenConfig(admin_key="secret"))):
        yield site


def url(site: Site) -> str:
    return str(site.client.make_url("")).rstrip("/")


async def test_models_are_loaded_used_and_unloaded(site: Site) -> None:
    loaded = await change_model(url(site), "load", "small")
    assert [(m.name, m.is_default) for m in loaded] == [
        ("base-q8_0", True),
        ("small", False),
    ]
    await change_model(url(site), "use", "small")
    assert [model.name for model in await loaded_models(url(site))] == ["small"]
    await change_model(url(site), "load", "tiny")
    loaded = await change_model(url(site), "unload", "tiny")
    assert [model.name for model in loaded] == ["small"]


@pytest.mark.parametrize(
    ("action", "name", "error"),
    [
        ("load", "corrupt", BadModelFile),
        ("use", "corrupt", BadModelFile),
        ("unload", "base", ModelInUse),
        ("paint", "base", ModelError),
    ],
)
async def test_what_cannot_be_done_is_one_error_and_changes_nothing(
    site: Site, action: str, name: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await change_model(url(site), action, name)
    assert [model.name for model in await loaded_models(url(site))] == ["base-q8_0"]


async def test_a_proxy_does_not_change_models_for_others(site: Site) -> None:
    answer = await site.client.get(
        "/admin/models", headers={"X-Forwarded-For": "203.0.113.9"}
    )
    assert answer.status == web.HTTPUnauthorized.status_code


async def test_where_there_is_a_token_it_is_asked_for(guarded: Site) -> None:
    for token in ("", "guess"):
        with pytest.raises(Unauthorized):
            await loaded_models(url(guarded), token=token)
    assert await loaded_models(url(guarded), token="secret")


async def test_a_session_chooses_among_the_loaded_models(
    site: Site, jfk_pcm: bytes
) -> None:
    socket = await site.connect()
    assert (await start(socket, model="small"))["code"] == "unknown_model"
    await change_model(url(site), "load", "small")
    socket = await site.connect()
    assert (await start(socket, model="small", lang="en"))["model"] == "small"
    await socket.send_bytes(jfk_pcm[:96_000])
    await socket.send_json({"op": "set", "model": "base"})
    await change_model(url(site), "unload", "small")
    await socket.send_bytes(jfk_pcm[96_000:])
    await socket.send_json({"op": "end"})
    messages = await rest(socket)
    assert messages[-1]["type"] == "end"
    assert finals(messages)


async def test_a_server_that_is_not_there_or_not_ours_is_said_so(site: Site) -> None:
    with pytest.raises(ServiceError, match="no server answers"):
        await loaded_models("http://127.0.0.1:1")
    with pytest.raises(ServiceError, match="expected a whispercpp-ws server"):
        await loaded_models(f"{url(site)}/client.js?")


async def load_as_whispercpp(site: Site, name: str, **headers: str) -> int:
    """Ask as clients of whisper.cpp's server do."""
    form = FormData({"model": name}, default_to_multipart=True)
    answer = await site.client.post("/load", data=form, headers=headers)
    assert await answer.text()
    return answer.status


async def test_whispercpps_load_makes_a_model_the_default(site: Site) -> None:
    assert await load_as_whispercpp(site, "small") == 200
    assert [model.name for model in await loaded_models(url(site))] == ["small"]
    assert await load_as_whispercpp(site, "../small") == 400
    assert [model.name for model in await loaded_models(url(site))] == ["small"]


async def test_strangers_load_nothing_but_what_is_the_default(site: Site) -> None:
    proxy = {"X-Forwarded-For": "203.0.113.9"}
    assert await load_as_whispercpp(site, "small", **proxy) == 401
    assert await load_as_whispercpp(site, "base", **proxy) == 200
    assert [model.name for model in await loaded_models(url(site))] == ["base-q8_0"]


async def test_the_admin_token_loads_without_another(guarded: Site) -> None:
    mine = {"Authorization": "Bearer secret"}
    assert await load_as_whispercpp(guarded, "small") == 401
    assert await load_as_whispercpp(guarded, "small", **mine) == 200
    assert guarded.shared.decoder.info.model == "small"


async def test_with_a_token_key_strangers_do_not_learn_the_default() -> None:
    config = Config(tokens=TokenConfig(key="k" * 32, admin_key="secret"))
    async for site in served(config):
        mine = {"Authorization": "Bearer secret"}
        assert await load_as_whispercpp(site, "base") == 401
        assert await load_as_whispercpp(site, "base", **mine) == 200
