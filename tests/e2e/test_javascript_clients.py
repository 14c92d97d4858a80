"""The JavaScript SDKs of OpenAI and Deepgram, run by Node."""

from pathlib import Path

import pytest

from tests.e2e.compatibility import proves
from tests.e2e.conftest import RunningServer
from tests.e2e.foreign import run_client
from tests.e2e.test_speech import wrong_words


pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]


@proves("OpenAI audio", "every format, events, models, errors", "openai (npm)")
async def test_openais_sdk_gets_every_format(
    server: RunningServer, jfk_wav: Path
) -> None:
    said = await run_client("openai_client.mjs", server.port, jfk_wav)
    deltas = [e["delta"] for e in said["events"] if e["type"].endswith("delta")]
    last = said["events"][-1]
    assert said["models"] == ["base-q8_0"]
    assert wrong_words(said["json"]["text"]) <= 1
    assert said["text"].strip() == said["json"]["text"]
    assert said["srt"].startswith("1\n00:00:0")
    assert said["vtt"].startswith("WEBVTT\n\n00:00:0")
    assert said["verbose"]["language"] == "english"
    assert wrong_words(" ".join(w["word"] for w in said["verbose"]["words"])) <= 1
    assert last["type"] == "transcript.text.done"
    assert last["text"] == "".join(deltas) == said["json"]["text"]
    assert said["refused"]["name"] == "BadRequestError"
    assert said["refused"]["param"] == "response_format"
    assert "country" in said["translation"]["text"]


@proves(
    "Deepgram live",
    "interim and final results, Finalize, CloseStream without a reconnect",
    "@deepgram/sdk (npm)",
)
async def test_deepgrams_sdk_hears_a_stream_to_its_end(
    server: RunningServer, jfk_file: Path
) -> None:
    said = await run_client("deepgram_client.mjs", "live", server.port, jfk_file)
    results = [m for m in said["messages"] if m["type"] == "Results"]
    finals = [m for m in results if m["is_final"]]
    heard = [m["channel"]["alternatives"][0]["transcript"] for m in finals]
    assert (said["code"], said["opened"]) == (1000, 1)
    assert wrong_words(" ".join(heard)) <= 1
    assert [m for m in finals if m["from_finalize"]]
    assert said["messages"][-1]["type"] == "Metadata"


@proves("Deepgram prerecorded", "a file, utterances", "@deepgram/sdk (npm)")
async def test_deepgrams_sdk_gets_the_text_of_a_file(
    server: RunningServer, jfk_wav: Path
) -> None:
    said = await run_client("deepgram_client.mjs", "file", server.port, jfk_wav)
    results = said["results"]
    assert wrong_words(results["channels"][0]["alternatives"][0]["transcript"]) <= 1
    assert len(results["utterances"]) > 1
