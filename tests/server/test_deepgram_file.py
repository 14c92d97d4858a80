"""Deepgram's prerecorded audio on a running server."""

import hashlib
import time

import jwt
import pytest

from tests.server.conftest import MakeSite
from tests.server.test_rest import encoded
from whispercpp_ws.config import Config, LimitConfig, TokenConfig
from whispercpp_ws.server.drain import drain


KEY = "k" * 32
PATH = "/v1/listen?model=nova-3&language=en"


async def test_the_text_of_a_posted_file_is_answered(
    make_site: MakeSite, speech: bytes
) -> None:
    data, site = encoded(speech, "FLAC"), await make_site()
    response = await site.client.post(PATH + "&utterances=true", data=data)
    body = await response.json()
    best = body["results"]["channels"][0]["alternatives"][0]
    assert response.status == 200
    assert best["transcript"].startswith("one two three")
    assert body["metadata"]["duration"] == 11.0
    assert body["metadata"]["sha256"] == hashlib.sha256(data).hexdigest()
    assert body["metadata"]["request_id"] == response.headers["X-Request-Id"]
    assert len(body["results"]["utterances"]) > 1
    assert site.shared.count.open == 0


@pytest.mark.parametrize(
    ("query", "data", "status", "says"),
    [
        ("", b"no audio", 400, "expected WAV, FLAC, OGG or MP3"),
        ("", b"", 400, "expected WAV"),
        ("&diarize=true", b"x", 400, "diarize"),
        ("", bytes(9_000), 413, "at most 8000 bytes"),
    ],
)
async def test_what_cannot_be_heard_is_deepgrams_error(
    make_site: MakeSite, query: str, data: bytes, status: int, says: str
) -> None:
    site = await make_site(Config(limits=LimitConfig(max_upload_bytes=8_000)))
    response = await site.client.post(PATH + query, data=data)
    body = await response.json()
    assert response.status == status
    assert says in body["err_msg"]
    assert response.headers["dg-error"]
    assert site.shared.count.open == 0


async def test_a_url_is_not_fetched(make_site: MakeSite) -> None:
    site = await make_site()
    given = {"url": "http://169.254.169.254/"}
    response = await site.client.post(PATH, json=given)
    assert response.status == 400
    assert "the file itself" in (await response.json())["err_msg"]


async def test_the_key_goes_where_the_sdk_puts_it(
    make_site: MakeSite, speech: bytes
) -> None:
    site = await make_site(Config(tokens=TokenConfig(key=KEY)))
    data = encoded(speech[:64_000], "WAV")
    wrong = await site.client.post(PATH, data=data)
    assert wrong.status == 401
    assert (await wrong.json())["err_code"] == "INVALID_AUTH"
    now = int(time.time())
    token = jwt.encode({"iat": now, "exp": now + 60}, KEY, "HS256")
    headers = {"Authorization": f"Token {token}"}
    assert (await site.client.post(PATH, data=data, headers=headers)).status == 200


async def test_no_file_is_taken_during_a_drain(make_site: MakeSite) -> None:
    site = await make_site()
    await drain(site.app)
    response = await site.client.post(PATH, data=b"x")
    assert response.status == 503
    assert "Retry-After" in response.headers
