"""What the page is told: what it may choose, and why a session cannot start."""

import time
from typing import Any

import jwt

from tests.server.conftest import MakeSite
from tests.server.peers import Site
from whispercpp_ws.config import Config, LimitConfig, TokenConfig


KEY = "a shared secret of thirty-two bytes or more"


async def about(site: Site, token: str = "") -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    response = await site.client.get("/about", headers=headers)
    assert response.status == 200
    body: dict[str, Any] = await response.json()
    return body


async def test_it_names_the_models_and_their_languages(make_site: MakeSite) -> None:
    body = await about(await make_site())
    assert body["model"] == "base-q8_0"
    assert body["models"][0]["name"] == "base-q8_0"
    assert "en" in body["models"][0]["languages"]
    assert (body["lang"], body["needs_token"], body["refusal"]) == ("auto", False, "")


async def test_a_full_server_says_so_and_counts_nobody(make_site: MakeSite) -> None:
    site = await make_site(Config(limits=LimitConfig(max_connections=1)))
    await site.connect()
    assert (await about(site))["refusal"] == "overloaded"
    assert site.shared.count.open == 1


async def test_a_draining_server_says_so(make_site: MakeSite) -> None:
    site = await make_site()
    site.shared.is_draining = True
    assert (await about(site))["refusal"] == "draining"


async def test_strangers_learn_only_that_a_token_is_needed(
    make_site: MakeSite,
) -> None:
    site = await make_site(Config(tokens=TokenConfig(key=KEY)))
    good = jwt.encode({"iat": time.time(), "exp": time.time() + 60}, KEY, "HS256")
    assert await about(site) == {"needs_token": True}
    assert await about(site, "wrong") == {"needs_token": True}
    assert (await about(site, good))["model"] == "base-q8_0"
