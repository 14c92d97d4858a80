"""
The unmodified example clients of vosk-server, in all languages that are here.

VOSK_SERVER_CHECKOUT names a checkout of them. What it holds is not ours to copy, and
without it these tests are skipped; so is each whose language or library is not there.
Those in Java and PHP need the sources of their libraries too, which
NV_WEBSOCKET_CLIENT_CHECKOUT and WEBSOCKET_PHP_CHECKOUT name.
"""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import soundfile

from tests.e2e.compatibility import proves
from tests.e2e.conftest import VOSKS_PORT, RunningServer, start_on_vosks_port
from tests.e2e.foreign import (
    MODULES,
    SCRIPTS,
    checkout,
    foreign_node,
    foreign_python,
    run_program,
    tool,
)
from tests.e2e.test_speech import resampled, wrong_words
from tests.e2e.tls import Front, tls_front


pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]

DEBIANS_GO = Path("/usr/share/gocode")
"""Where Debian's packages of Go libraries are."""
DEBIANS_LOG = Path("/usr/share/php/Psr/Log/autoload.php")
"""Of Debian's package php-psr-log, which the library in PHP needs."""
AUTOLOAD = """<?php
require_once "{log}";
spl_autoload_register(function ($name) {{
    $path = "{library}/lib/" . strtr(substr($name, strlen("WebSocket/")), "\\\\", "/");
    if (str_starts_with($name, "WebSocket\\\\")) require "$path.php";
}});
"""
"""What Composer, which has no registry here, would write."""
HOSTS_LIBRARY = "libnss_wrapper.so"
"""Of Debian's package libnss-wrapper: a hosts file for one process."""
THEIR_HOST = "api.alphacephei.com"
"""Written into the clients for Node and Mono, with `wss:` before it."""
HTTPS_PORT = 443


@pytest.fixture(scope="module")
def samples(base_model: Path) -> Iterator[Path]:
    """Serve on the port of vosk-server, and return the folder of its clients."""
    folder = checkout("vosk-server")
    for _ in start_on_vosks_port(base_model.parent):
        yield folder


@pytest.fixture
def telephone_wav(jfk_wav: Path, tmp_path: Path) -> Path:
    """The sample at 8 kHz, which those clients need that send no config."""
    path = tmp_path / "test.wav"
    speech, _ = soundfile.read(jfk_wav, dtype="float32")
    soundfile.write(path, resampled(speech, 8_000), 8_000, "PCM_16")
    return path


def replies(output: str) -> list[Any]:
    """Read what a client prints: each reply as it came, on one line or several."""
    found, decoder, rest = [], json.JSONDecoder(), output.strip()
    while rest:
        reply, end = decoder.raw_decode(rest)
        found.append(reply)
        rest = rest[end:].strip()
    return found


def text_of(output: str) -> str:
    """Join the texts of the replies that a client prints."""
    return " ".join(reply.get("text", "") for reply in replies(output))


# Python


@pytest.fixture
def run_sample(samples: Path, jfk_wav: Path) -> Any:
    """Return what runs a Python client on the sample and returns what it prints."""

    async def run(script: str) -> str:
        return await run_program(foreign_python(), samples / script, jfk_wav)

    return run


@proves("Vosk", "unmodified test.py, asr-test-client.py", "vosk-server")
@pytest.mark.parametrize(
    "script",
    [
        "websocket/test.py",
        "client-samples/python/asr-test.py",
        "client-samples/python/asr-test-client.py",
        "websocket-gpu-batch/test.py",
    ],
)
async def test_lock_step_clients_print_the_text(run_sample: Any, script: str) -> None:
    assert wrong_words(text_of(await run_sample(script))) <= 1


@proves("Vosk", "unmodified test_words.py", "vosk-server")
async def test_a_client_with_a_grammar_gets_no_words(run_sample: Any) -> None:
    output = await run_sample("websocket/test_words.py")
    assert not any("result" in reply for reply in replies(output))
    # Its grammar has digits only: here that is a hint, and a misleading one.
    assert wrong_words(text_of(output)) <= 3


@proves("Vosk", "unmodified test_alternatives.py", "vosk-server")
async def test_a_client_gets_alternatives(run_sample: Any) -> None:
    said = replies(await run_sample("websocket/test_alternatives.py"))
    best = [r["alternatives"][0]["text"] for r in said if "alternatives" in r]
    assert wrong_words(" ".join(best)) <= 1


@proves("Vosk", "unmodified test_srt.py", "vosk-server")
async def test_a_client_writes_an_srt(run_sample: Any) -> None:
    lines = (await run_sample("websocket/test_srt.py")).splitlines()
    said = [line for line in lines if "-->" not in line and not line.isdigit()]
    assert sum("-->" in line for line in lines) > 1
    assert wrong_words(" ".join(said)) <= 1


@proves("Vosk", "unmodified test_ffmpeg.py", "vosk-server")
async def test_a_client_sends_what_ffmpeg_decodes(run_sample: Any) -> None:
    tool("ffmpeg")
    assert wrong_words(text_of(await run_sample("websocket/test_ffmpeg.py"))) <= 1


@proves("Vosk", "unmodified test_microphone.py", "vosk-server")
async def test_a_client_sends_what_its_microphone_hears(
    server: RunningServer, jfk_file: Path
) -> None:
    script = checkout("vosk-server") / "websocket/test_microphone.py"
    output = await run_program(
        foreign_python(),
        *(script, "--uri", f"ws://127.0.0.1:{server.port}"),
        environment={
            "PYTHONPATH": str(SCRIPTS / "played"),
            "SPEECH_FILE": str(jfk_file),
        },
    )
    assert wrong_words(text_of(output)) <= 1


# Other languages


@proves("Vosk", "unmodified VoskClient.java, config and lock-step", "vosk-server")
async def test_the_client_in_java_prints_the_text(
    samples: Path, jfk_wav: Path, tmp_path: Path
) -> None:
    library = checkout("nv-websocket-client") / "src/main/java"
    client = samples / "client-samples/java/src/main/java/VoskClient.java"
    (tmp_path / "test.wav").symlink_to(jfk_wav)
    sources = [*library.rglob("*.java"), client, SCRIPTS / "Launcher.java"]
    await run_program(tool("javac"), "-nowarn", "-d", tmp_path, *sources)
    java = tool("java")
    output = await run_program(java, "-cp", tmp_path, "Launcher", folder=tmp_path)
    assert wrong_words(text_of(output)) <= 1


@proves("Vosk", "unmodified main.go, without config", "vosk-server")
async def test_the_client_in_go_logs_the_last_text(
    samples: Path, telephone_wav: Path, tmp_path: Path
) -> None:
    program, source = tmp_path / "client", samples / "client-samples/golang"
    has_packages = (DEBIANS_GO / "src/github.com/gorilla/websocket").is_dir()
    paths = {"GO111MODULE": "off", "GOPATH": str(DEBIANS_GO)} if has_packages else {}
    build = ("build", "-o", program, "main.go")
    await run_program(tool("go"), *build, environment=paths, folder=source)
    # It logs to its standard error, of its last reply only.
    command = 'exec "$0" "$1" 2>&1'
    output = await run_program(tool("sh"), "-c", command, program, telephone_wav)
    assert "what you can do for your country" in output


@proves("Vosk", "unmodified test.js for Node, WAV header, over TLS", "vosk-server")
async def test_the_client_for_node_prints_the_text(
    samples: Path, telephone_wav: Path, tmp_path: Path
) -> None:
    node = foreign_node()
    modules = tmp_path / "modules"
    modules.mkdir()
    # Later versions hand out bytes, which it prints as such.
    (modules / "ws").symlink_to(MODULES / "ws-7")
    async with tls_front(VOSKS_PORT, tmp_path, THEIR_HOST) as front:
        output = await run_program(
            node,
            *("--require", SCRIPTS / "hosts.cjs"),
            samples / "client-samples/node/test.js",
            environment={
                "NODE_PATH": str(modules),
                "NODE_EXTRA_CA_CERTS": str(front.certificate),
                "TLS_HOST": THEIR_HOST,
                "TLS_PORT": str(front.port),
            },
            folder=telephone_wav.parent,
        )
    assert wrong_words(text_of(output)) <= 2


@proves("Vosk", "unmodified asr-test.php, WAV header, without config", "vosk-server")
async def test_the_client_in_php_prints_the_text(
    samples: Path, telephone_wav: Path
) -> None:
    folder, library = telephone_wav.parent, checkout("websocket-php")
    autoload = AUTOLOAD.format(log=debians_log(), library=library)
    (folder / "vendor").mkdir()
    (folder / "vendor" / "autoload.php").write_text(autoload, "utf-8")
    script = samples / "client-samples/php/asr-test.php"
    output = await run_program(tool("php"), script, folder=folder)
    assert wrong_words(text_of(output)) <= 2


@proves("Vosk", "unmodified test.cs for Mono, WAV header, over TLS", "vosk-server")
async def test_the_client_in_c_sharp_prints_the_text(
    samples: Path, telephone_wav: Path
) -> None:
    folder, client = telephone_wav.parent, telephone_wav.parent / "client.exe"
    source = samples / "client-samples/csharp/test.cs"
    trust, mono = tool("cert-sync"), tool("mono")
    await run_program(tool("mcs"), f"-out:{client}", source)
    (folder / "hosts").write_text(f"127.0.0.1 {THEIR_HOST}\n", "utf-8")
    async with https_front(folder) as front:
        home = {"HOME": str(folder)}
        await run_program(trust, "--user", front.certificate, environment=home)
        named = {
            "LD_PRELOAD": HOSTS_LIBRARY,
            "NSS_WRAPPER_HOSTS": str(folder / "hosts"),
        }
        output = await run_program(
            mono, client, environment=home | named, folder=folder
        )
    assert wrong_words(text_of(output.replace("Result ", ""))) <= 2


def debians_log() -> Path:
    """Return what loads the package; skips a test without it."""
    if not DEBIANS_LOG.exists():
        pytest.skip("needs Debian's package php-psr-log")
    return DEBIANS_LOG


@asynccontextmanager
async def https_front(folder: Path) -> AsyncIterator[Front]:
    """End TLS where the port cannot be chosen; skips a test where it may not."""
    async with AsyncExitStack() as stack:
        entering = tls_front(VOSKS_PORT, folder, THEIR_HOST, port=HTTPS_PORT)
        try:
            front = await stack.enter_async_context(entering)
        except OSError as error:
            pytest.skip(f"needs port {HTTPS_PORT}: {error}")
        yield front
