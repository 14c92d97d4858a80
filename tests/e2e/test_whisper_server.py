"""The real `whisper-server` of whisper.cpp beside ours: the same shape of answers."""

import asyncio
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import aiohttp
import pytest

from tests.e2e.compatibility import proves
from tests.e2e.conftest import RunningServer, free_port
from tests.e2e.test_speech import wrong_words


pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]

BUILT = Path("build/baselines/whisper-server/bin/whisper-server")
"""Where `make bench-baselines` builds it."""


@pytest.fixture(scope="module")
def theirs(base_model: Path) -> Iterator[str]:
    """Start the real server; WHISPER_SERVER names another than the one built here."""
    program = Path(os.environ.get("WHISPER_SERVER", BUILT))
    if not program.exists():
        pytest.skip(f"needs whisper.cpp's own server: make {BUILT}")
    port = free_port()
    options = ["--model", str(base_model), "--host", "127.0.0.1", "--port", str(port)]
    # Its threads wait for each other by spinning: on a busy machine, for minutes.
    options += ["--threads", "1"]
    with subprocess.Popen([program, *options], stderr=subprocess.DEVNULL) as process:
        url = f"http://127.0.0.1:{port}"
        wait_until_ready(url)
        yield url
        process.terminate()


def wait_until_ready(url: str) -> None:
    for _ in range(600):
        # Not there yet, or 503 while the model is loaded.
        with suppress(OSError), urlopen(f"{url}/health"):
            return
        time.sleep(0.1)
    pytest.fail("whisper-server did not start")


async def posted(url: str, wav: Path, fields: dict[str, str]) -> tuple[str, Any]:
    """Return the content type of an answer, and its JSON or text."""
    form = aiohttp.FormData(fields)
    form.add_field("file", await asyncio.to_thread(wav.read_bytes), filename="a.wav")
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{url}/inference", data=form) as response,
    ):
        assert response.status == 200
        kind = response.headers["Content-Type"]
        is_json = kind == "application/json"
        return kind, await (response.json() if is_json else response.text())


def shape(value: Any) -> Any:
    """Replace values by their types; lists by the shapes of their items."""
    if isinstance(value, dict):
        return [(key, shape(item)) for key, item in value.items()]
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return type(value).__name__


UNTOLD = {"tokens", "detected_language_probability", "language_probabilities"}
"""What our sessions do not keep, and README says is left out."""


def without_untold(told: Any) -> Any:
    """Drop what we leave out from an answer of theirs."""
    kept = {name: value for name, value in told.items() if name not in UNTOLD}
    segments = [
        {name: value for name, value in segment.items() if name not in UNTOLD}
        for segment in told["segments"]
    ]
    return kept | {"segments": segments}


VERBOSE = {"response_format": "verbose_json"}


@proves("whisper.cpp server", "the fields of its own server", "pywhispercpp")
@pytest.mark.parametrize(
    "fields",
    [
        VERBOSE,
        VERBOSE | {"no_timestamps": "true"},
        VERBOSE | {"token_timestamps": "false"},
        VERBOSE | {"no_language_probabilities": "yes"},
        VERBOSE | {"translate": "true", "temperature": "0.2"},
        VERBOSE | {"offset_t": "3000", "duration": "6000"},
    ],
)
async def test_verbose_json_has_the_same_fields_in_the_same_order(
    server: RunningServer, theirs: str, jfk_wav: Path, fields: dict[str, str]
) -> None:
    ours = f"http://127.0.0.1:{server.port}"
    our_kind, our_answer = await posted(ours, jfk_wav, fields)
    their_kind, their_answer = await posted(theirs, jfk_wav, fields)
    assert our_kind == their_kind
    assert shape(our_answer) == shape(without_untold(their_answer))
    for name in ("task", "language", "duration"):
        assert our_answer[name] == their_answer[name]
    ours_first, theirs_first = our_answer["segments"][0], their_answer["segments"][0]
    assert ours_first["temperature"] == pytest.approx(theirs_first["temperature"])


@proves("whisper.cpp server", "the formats of its own server", "pywhispercpp")
@pytest.mark.parametrize("form", ["json", "text", "srt", "vtt", "nonsense"])
async def test_each_format_is_written_as_theirs(
    server: RunningServer, theirs: str, jfk_wav: Path, form: str
) -> None:
    ours, fields = f"http://127.0.0.1:{server.port}", {"response_format": form}
    our_kind, our_answer = await posted(ours, jfk_wav, fields)
    their_kind, their_answer = await posted(theirs, jfk_wav, fields)
    assert our_kind == their_kind
    assert outline(our_answer) == outline(their_answer)
    assert wrong_words(spoken(our_answer)) <= 1
    assert wrong_words(spoken(their_answer)) <= 1


def text_of(answer: Any) -> str:
    """Return the text of an answer, whose only field it is in JSON."""
    if isinstance(answer, str):
        return answer
    assert answer.keys() == {"text"}
    return str(answer["text"])


def outline(answer: Any) -> set[str]:
    """Say which kinds of lines an answer has, digits and words left out."""
    return {kind_of(line) for line in text_of(answer).split("\n")}


def kind_of(line: str) -> str:
    if "-->" in line:
        return "".join("0" if c.isdigit() else c for c in line)
    if line.isdigit():
        return "number"
    return " text" if line.startswith(" ") else line


def spoken(answer: Any) -> str:
    lines = text_of(answer).split("\n")
    return " ".join(line for line in lines if kind_of(line) == " text")


@pytest.mark.parametrize(("path", "status"), [("/health", 200), ("/nowhere", 404)])
async def test_other_paths_have_the_same_status(
    server: RunningServer, theirs: str, path: str, status: int
) -> None:
    for url in (f"http://127.0.0.1:{server.port}", theirs):
        async with aiohttp.ClientSession() as http, http.get(url + path) as response:
            assert response.status == status


@pytest.mark.parametrize(
    ("path", "fields"),
    [("/inference", {"x": "y"}), ("/load", {"x": "y"}), ("/load", {"model": "none"})],
)
async def test_bad_forms_have_the_same_status(
    server: RunningServer, theirs: str, path: str, fields: dict[str, str]
) -> None:
    for url in (f"http://127.0.0.1:{server.port}", theirs):
        form = aiohttp.FormData(fields, default_to_multipart=True)
        async with (
            aiohttp.ClientSession() as http,
            http.post(url + path, data=form) as response,
        ):
            assert response.status == 400
