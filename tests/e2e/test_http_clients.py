"""The `openai` package, and a plain HTTP client for whisper.cpp's server."""

import asyncio
from pathlib import Path
from typing import Literal

import aiohttp
import openai
import pytest

from tests.e2e.compatibility import proves
from tests.e2e.conftest import RunningServer
from tests.e2e.test_speech import wrong_words


pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]


@pytest.fixture
def client(server: RunningServer) -> openai.OpenAI:
    """Return the official client, pointed at the server as its users would."""
    return openai.OpenAI(base_url=f"http://127.0.0.1:{server.port}/v1", api_key="x")


@proves("OpenAI audio", "json", "openai")
def test_openai_transcribes(client: openai.OpenAI, jfk_wav: Path) -> None:
    with jfk_wav.open("rb") as file:
        said = client.audio.transcriptions.create(model="whisper-1", file=file)
    assert wrong_words(said.text) <= 1


@proves("OpenAI audio", "verbose_json, words and segments", "openai")
def test_openai_gets_words_and_segments(client: openai.OpenAI, jfk_wav: Path) -> None:
    with jfk_wav.open("rb") as file:
        said = client.audio.transcriptions.create(
            model="whisper-1",
            file=file,
            language="en",
            response_format="verbose_json",
            timestamp_granularities=["word", "segment"],
        )
    assert said.words
    assert said.segments
    assert (said.language, round(float(said.duration))) == ("english", 11)
    assert wrong_words(" ".join(word.word for word in said.words)) <= 1
    assert 0 <= said.segments[0].start < said.segments[-1].end <= 11.1


@pytest.mark.parametrize("form", ["text", "srt", "vtt"])
@proves("OpenAI audio", "text, srt, vtt", "openai")
def test_openai_gets_plain_formats(
    client: openai.OpenAI, jfk_wav: Path, form: Literal["text", "srt", "vtt"]
) -> None:
    with jfk_wav.open("rb") as file:
        said: object = client.audio.transcriptions.create(
            model="whisper-1",
            file=file,
            response_format=form,
        )
    assert isinstance(said, str)
    assert "country" in said
    assert ("-->" in said) == (form != "text")


@proves("OpenAI audio", "stream of events", "openai")
def test_openai_streams(client: openai.OpenAI, jfk_wav: Path) -> None:
    with jfk_wav.open("rb") as file:
        stream = client.audio.transcriptions.create(
            model="gpt-4o-transcribe", file=file, stream=True
        )
        events = list(stream)
    deltas = [e.delta for e in events if e.type == "transcript.text.delta"]
    last = events[-1]
    assert last.type == "transcript.text.done"
    assert last.text == "".join(deltas)
    assert wrong_words(last.text) <= 1


# The package means to leave translations out some day, and says so.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@proves("OpenAI audio", "translations", "openai")
def test_openai_translates(client: openai.OpenAI, jfk_wav: Path) -> None:
    with jfk_wav.open("rb") as file:
        said = client.audio.translations.create(model="whisper-1", file=file)
    assert "country" in said.text


@proves("OpenAI audio", "models", "openai")
def test_openai_lists_models(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["base-q8_0"]


@proves("OpenAI audio", "errors", "openai")
def test_openai_raises_its_own_error_for_a_bad_file(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="expected WAV"):
        client.audio.transcriptions.create(model="whisper-1", file=b"no audio")


@proves("whisper.cpp server", "json, verbose_json, text, srt, vtt", "aiohttp")
async def test_whispercpp_clients_get_every_format(
    server: RunningServer, jfk_wav: Path
) -> None:
    answers = {}
    wav = await asyncio.to_thread(jfk_wav.read_bytes)
    async with aiohttp.ClientSession() as http:
        for name in ("json", "verbose_json", "text", "srt", "vtt"):
            form = aiohttp.FormData()
            form.add_field("response_format", name)
            form.add_field("temperature", "0.0")
            form.add_field("file", wav, filename="jfk.wav")
            url = f"http://127.0.0.1:{server.port}/inference"
            async with http.post(url, data=form) as response:
                assert response.status == 200
                answers[name] = response.content_type, await response.text()
    assert {name: kind for name, (kind, _) in answers.items()} == {
        "json": "application/json",
        "verbose_json": "application/json",
        "text": "text/html",
        "srt": "application/x-subrip",
        "vtt": "text/vtt",
    }
    assert wrong_words(answers["text"][1]) <= 1
