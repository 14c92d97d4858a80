"""Secrets of the realtime interface: made from a token, and good for the socket."""

import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.server.conftest import MakeSite
from whispercpp_ws.config import Config, TokenConfig


KEY = "k" * 32
PATH = "/v1/realtime/client_secrets"
SESSION = {
    "type": "transcription",
    "audio": {"input": {"turn_detection": None, "transcription": {"model": "x"}}},
}


def bearer(lifetime_s: int = 300) -> dict[str, str]:
    now = int(time.time())
    claims = {"iat": now, "exp": now + lifetime_s, "sub": "ann"}
    return {"Authorization": f"Bearer {jwt.encode(claims, KEY)}"}


async def test_a_secret_of_a_token_opens_the_socket(make_site: MakeSite) -> None:
    site = await make_site(Config(tokens=TokenConfig(key=KEY)))
    asked = {"session": SESSION, "expires_after": {"seconds": 20}}
    response = await site.client.post(PATH, json=asked, headers=bearer())
    made = await response.json()
    assert response.status == 200
    assert made["session"]["audio"]["input"]["turn_detection"] is None
    claims = jwt.decode(made["value"], KEY, ["HS256"])
    assert (claims["sub"], claims["exp"]) == ("ann", made["expires_at"])
    assert claims["exp"] - claims["iat"] == 20
    key = f"openai-insecure-api-key.{made['value']}"
    url = "/v1/realtime?intent=transcription"
    socket = await site.client.ws_connect(url, protocols=("realtime", key))
    assert (await socket.receive_json())["type"] == "session.created"


async def test_a_secret_does_not_outlive_the_token(make_site: MakeSite) -> None:
    site = await make_site(Config(tokens=TokenConfig(key=KEY)))
    response = await site.client.post(PATH, json={}, headers=bearer(60))
    assert (await response.json())["expires_at"] <= time.time() + 60


@pytest.mark.parametrize("path", [PATH, "/v1/realtime/transcription_sessions"])
async def test_without_a_token_none_is_made(make_site: MakeSite, path: str) -> None:
    site = await make_site(Config(tokens=TokenConfig(key=KEY)))
    response = await site.client.post(path, json={})
    assert response.status == 401
    assert (await response.json())["error"]["code"] == "invalid_api_key"


async def test_an_open_server_lets_any_secret_in(make_site: MakeSite) -> None:
    site = await make_site()
    made: Any = await (await site.client.post(PATH)).json()
    assert made["value"].startswith("ek_")
    assert made["session"]["type"] == "transcription"


async def test_the_betas_session_carries_its_secret(make_site: MakeSite) -> None:
    site = await make_site()
    asked = {"input_audio_format": "g711_ulaw"}
    path = "/v1/realtime/transcription_sessions"
    made = await (await site.client.post(path, json=asked)).json()
    assert made["input_audio_format"] == "g711_ulaw"
    assert made["client_secret"]["value"].startswith("ek_")


@pytest.mark.parametrize(
    "asked", [{"expires_after": {"seconds": 1}}, {"session": {"audio": 1}}]
)
async def test_a_bad_request_is_refused(
    make_site: MakeSite, asked: dict[str, Any]
) -> None:
    response = await (await make_site()).client.post(PATH, json=asked)
    assert response.status == 400


async def test_a_server_with_a_public_key_makes_none(make_site: MakeSite) -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    tokens = TokenConfig(key=public.decode(), algorithm="RS256")
    site = await make_site(Config(tokens=tokens))
    now = int(time.time())
    theirs = jwt.encode({"iat": now, "exp": now + 60}, private, "RS256")
    headers = {"Authorization": f"Bearer {theirs}"}
    response = await site.client.post(PATH, json={}, headers=headers)
    assert response.status == 401
    assert "RS256" in (await response.json())["error"]["message"]
