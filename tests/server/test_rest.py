"""Files over HTTP: forms in any order, limits, errors in each dialect's form."""

import asyncio
import io
import json
import logging
from typing import Any

import aiohttp
import numpy as np
import pytest
import soundfile
from aiohttp.test_utils import TestClient

from tests.server.conftest import MakeSite
from tests.server.peers import BlockedDecoder, ScriptedDecoder, always
from whispercpp_ws.config import Config, LimitConfig, ListenConfig, TokenConfig
from whispercpp_ws.decoding import Priority
from whispercpp_ws.errors import DecodeFailed
from whispercpp_ws.server.drain import drain


INFERENCE, OPENAI = "/inference", "/v1/audio/transcriptions"
BOTH = pytest.mark.parametrize("path", [INFERENCE, OPENAI])
KEY = "k" * 32


def encoded(pcm: bytes, kind: str, *, rate: int = 16_000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.frombuffer(pcm, "<i2"), rate, format=kind)
    return file.getvalue()


def form(data: bytes | None, **fields: str) -> aiohttp.FormData:
    made = aiohttp.FormData(quote_fields=False)
    for name, value in fields.items():
        # With a type of its own, or a form without a file is not sent as multipart.
        made.add_field(name, value, content_type="text/plain")
    if data is not None:
        made.add_field("file", io.BytesIO(data), filename="speech.bin")
    return made


async def posted(
    client: TestClient[Any, Any], path: str, data: bytes | None, **fields: str
) -> tuple[int, Any]:
    response = await client.post(path, data=form(data, **fields))
    is_json = response.content_type == "application/json"
    return response.status, await (response.json() if is_json else response.text())


@BOTH
@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3"])
async def test_files_of_four_kinds_are_read(
    make_site: MakeSite, speech: bytes, path: str, kind: str
) -> None:
    site = await make_site()
    data = encoded(speech[:96_000], kind)
    status, body = await posted(site.client, path, data, model="whisper-1")
    assert status == 200
    assert body["text"].strip().startswith("one two")


async def test_a_part_of_a_file_keeps_the_times_of_the_file(
    make_site: MakeSite, speech: bytes
) -> None:
    site = await make_site()
    data = encoded(speech, "WAV")
    _, body = await posted(
        site.client,
        INFERENCE,
        data,
        response_format="verbose_json",
        offset_t="3000",
        duration="3000",
    )
    assert body["duration"] == 11.0
    assert 3.0 <= body["segments"][0]["start"] < body["segments"][-1]["end"] <= 6.5


async def test_text_is_sent_as_it_is_settled(
    make_site: MakeSite, speech: bytes
) -> None:
    site = await make_site()
    data = form(encoded(speech, "FLAC"), stream="true")
    response = await site.client.post(OPENAI, data=data)
    lines = (await response.text()).split("\n\n")
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line]
    deltas = [e["delta"] for e in events if e["type"] == "transcript.text.delta"]
    assert response.content_type == "text/event-stream"
    assert len(deltas) > 1
    assert events[-1]["text"] == "".join(deltas)


async def test_a_failure_in_a_stream_is_its_last_event(
    make_site: MakeSite, speech: bytes
) -> None:
    decoder = ScriptedDecoder(failures=always(DecodeFailed("it broke")))
    site = await make_site(decoder=decoder)
    data = form(encoded(speech, "WAV"), stream="true")
    response = await site.client.post(OPENAI, data=data)
    event = json.loads((await response.text()).removeprefix("data: "))
    assert event["error"]["message"] == "it broke"


@BOTH
async def test_a_failed_decode_is_a_500(
    make_site: MakeSite, speech: bytes, path: str
) -> None:
    failing = ScriptedDecoder(
        failures=always(DecodeFailed("it broke")), failing=Priority.FINAL
    )
    site = await make_site(decoder=failing)
    status, body = await posted(site.client, path, encoded(speech, "WAV"))
    assert status == 500
    assert "it broke" in str(body["error"])


@BOTH
async def test_silence_is_no_text(make_site: MakeSite, path: str) -> None:
    site = await make_site()
    status, body = await posted(site.client, path, encoded(bytes(32_000), "WAV"))
    assert (status, body["text"]) == (200, "")


@BOTH
async def test_what_is_no_audio_is_refused_without_a_path(
    make_site: MakeSite, path: str
) -> None:
    site = await make_site()
    status, body = await posted(site.client, path, b"no audio at all" * 100)
    assert status == 400
    assert "WAV" in str(body["error"])
    assert "/" not in str(body["error"])


@BOTH
async def test_a_rate_that_is_not_read_is_refused(
    make_site: MakeSite, speech: bytes, path: str
) -> None:
    site = await make_site()
    data = encoded(speech[:8000], "WAV", rate=4_000)
    status, body = await posted(site.client, path, data)
    assert status == 400
    assert "samples per second" in str(body["error"])


@BOTH
async def test_a_file_that_is_damaged_further_on_is_refused(
    make_site: MakeSite, path: str
) -> None:
    file = io.BytesIO()
    samples = np.zeros(64_000, np.float32)
    samples[50_000] = np.nan
    soundfile.write(file, samples, 16_000, format="WAV", subtype="FLOAT")
    status, body = await posted((await make_site()).client, path, file.getvalue())
    assert status == 400
    assert "damaged" in str(body["error"])
    assert "/" not in str(body["error"])


@BOTH
async def test_a_form_without_a_file_is_refused(make_site: MakeSite, path: str) -> None:
    status, body = await posted((await make_site()).client, path, None, prompt="x")
    assert status == 400
    assert "no 'file' field" in str(body["error"])


@BOTH
async def test_a_file_over_the_limit_is_refused(
    make_site: MakeSite, speech: bytes, path: str
) -> None:
    site = await make_site(Config(limits=LimitConfig(max_upload_bytes=10_000)))
    status, body = await posted(site.client, path, encoded(speech, "WAV"))
    assert status == 413
    assert "10000" in str(body["error"])


@BOTH
async def test_a_file_larger_than_a_usual_body_is_taken(
    make_site: MakeSite, path: str
) -> None:
    site = await make_site()
    status, _ = await posted(site.client, path, encoded(bytes(3 << 20), "WAV"))
    assert status == 200


@BOTH
async def test_a_field_over_the_limit_is_refused(
    make_site: MakeSite, path: str
) -> None:
    site = await make_site()
    status, _ = await posted(site.client, path, b"", prompt="x" * 70_000)
    assert status == 413


@BOTH
async def test_a_form_of_endless_fields_is_refused(
    make_site: MakeSite, path: str
) -> None:
    site = await make_site()
    fields = {f"f{number}": "" for number in range(200)}
    status, _ = await posted(site.client, path, b"", **fields)
    assert status == 413


@BOTH
@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "multipart/form-data; boundary=" + "x" * 100,
    ],
)
@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"--x", b"--x\r\n\r\n\r\n--x--", b"--x\r\nContent-Type: a/b\r\n\r\n"],
)
async def test_a_body_that_is_no_form_is_the_clients_error(
    make_site: MakeSite,
    caplog: pytest.LogCaptureFixture,
    path: str,
    kind: str,
    data: bytes,
) -> None:
    site = await make_site()
    headers = {"Content-Type": kind}
    with caplog.at_level(logging.ERROR):
        response = await site.client.post(path, data=data, headers=headers)
    assert response.status == 400
    assert "error" in await response.json()
    assert caplog.records == []


@BOTH
async def test_a_client_that_leaves_takes_its_decodes_with_it(
    make_site: MakeSite, speech: bytes, path: str
) -> None:
    decoder = BlockedDecoder()
    site = await make_site(decoder=decoder)
    request = asyncio.create_task(
        site.client.post(path, data=form(encoded(speech, "WAV")))
    )
    await decoder.asked.wait()
    request.cancel()
    async with asyncio.timeout(5):
        await site.shared.all_left.wait()
    assert site.shared.count.open == 0


async def test_a_drain_waits_for_a_file(make_site: MakeSite, speech: bytes) -> None:
    decoder = BlockedDecoder()
    site = await make_site(decoder=decoder)
    request = asyncio.create_task(
        posted(site.client, INFERENCE, encoded(speech, "WAV"))
    )
    await decoder.asked.wait()
    draining = asyncio.create_task(drain(site.app))
    await asyncio.sleep(0)
    status, _ = await posted(site.client, INFERENCE, encoded(speech, "WAV"))
    decoder.gate.set()
    assert status == 503
    assert (await request)[0] == 200
    assert await draining


@BOTH
async def test_a_token_is_asked_for_where_there_is_a_key(
    make_site: MakeSite, speech: bytes, path: str
) -> None:
    site = await make_site(Config(tokens=TokenConfig(key=KEY)))
    status, body = await posted(site.client, path, encoded(speech, "WAV"))
    assert status == 401
    assert "token" in str(body["error"])


async def test_openai_clients_are_told_not_to_upload_again(make_site: MakeSite) -> None:
    site = await make_site()
    response = await site.client.post(OPENAI, data=form(b"none"))
    assert response.headers["x-should-retry"] == "false"


async def test_the_loaded_model_is_listed(make_site: MakeSite) -> None:
    response = await (await make_site()).client.get("/v1/models")
    body = await response.json()
    assert [model["id"] for model in body["data"]] == ["base-q8_0"]


@pytest.mark.parametrize(
    ("fields", "status", "text"),
    [
        ({"model": "base"}, 200, "Load was successful!"),
        ({"model": "base-q8_0"}, 200, "Load was successful!"),
        ({"model": "tiny"}, 404, "expected one of base"),
        ({"model": "models/ggml-base.bin"}, 400, "model not found!"),
        ({"other": "x"}, 400, "no 'model' field"),
    ],
)
async def test_load_takes_catalogue_names_only(
    make_site: MakeSite, fields: dict[str, str], status: int, text: str
) -> None:
    client = (await make_site()).client
    found, body = await posted(client, "/load", None, **fields)
    assert found == status
    assert text in str(body)


async def test_health_is_ok_until_a_drain(make_site: MakeSite) -> None:
    site = await make_site()
    response = await site.client.get("/health")
    assert await response.json() == {"status": "ok"}
    await drain(site.app)
    assert (await site.client.get("/health")).status == 503


async def test_pages_that_may_connect_may_read_the_answers(
    make_site: MakeSite,
) -> None:
    origin = "https://app.example.org"
    site = await make_site(Config(listen=ListenConfig(allowed_origins=(origin,))))
    headers = {"Origin": origin}
    response = await site.client.options(INFERENCE, headers=headers)
    assert response.headers["Access-Control-Allow-Origin"] == origin
    other = await site.client.options(INFERENCE, headers={"Origin": "https://a.b"})
    assert other.status == 403
    assert "Access-Control-Allow-Origin" not in other.headers
