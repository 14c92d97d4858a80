import argparse
from pathlib import Path

import pytest

from scripts.bench.adapters.ours import OurServer
from scripts.bench.adapters.replayed import Replayed
from scripts.bench.adapters.sliding_window import SlidingWindow
from scripts.bench.adapters.whisper_live import WhisperLive
from scripts.bench.adapters.whisper_server import WhisperServer
from scripts.bench.servers import (
    BASELINES,
    Models,
    Server,
    adapter_for,
    add_arguments,
    server_from,
)
from whispercpp_ws.config import ModelConfig
from whispercpp_ws.models.registry import ModelSpec


def given(*flags: str) -> Server:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="base")
    add_arguments(parser)
    return server_from(parser.parse_args(flags))


@pytest.fixture
def models(tmp_path: Path) -> Models:
    spec = ModelSpec("base-q8_0", tmp_path / "ggml-base-q8_0.bin", "", 0)
    return Models(ModelConfig(), spec, None, endpoint_ms=600)


def test_this_repositorys_server_is_measured_unless_another_is_named() -> None:
    assert given().name == "ours"
    assert given("--server", "whisper-live").name == "whisper-live"


def test_a_program_alone_chooses_whisper_server() -> None:
    server = given("--whisper-server", "/opt/whisper-server")
    assert (server.name, server.program) == (
        "whisper-server",
        Path("/opt/whisper-server"),
    )


def test_whisper_server_is_the_one_that_was_built_here_if_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = tmp_path / "whisper-server"
    monkeypatch.setattr("scripts.bench.servers.BUILT_WHISPER_SERVER", built)
    assert given("--server", "whisper-server").program == Path("whisper-server")
    built.touch()
    assert given("--server", "whisper-server").program == built


def test_an_environment_is_looked_for_under_its_servers_name() -> None:
    environment = given("--server", "sliding-window").environment
    assert environment.python == BASELINES / "sliding-window" / "bin" / "python"
    assert environment.ct2 == BASELINES / "base"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ours", OurServer),
        ("whisper-server", WhisperServer),
        ("sliding-window", SlidingWindow),
        ("whisper-live", WhisperLive),
        ("replay", Replayed),
        ("padded", Replayed),
        ("padded-on-time", Replayed),
    ],
)
def test_every_name_has_its_adapter(
    name: str, kind: type, models: Models, tmp_path: Path
) -> None:
    assert isinstance(adapter_for(given("--server", name), models, tmp_path), kind)


@pytest.mark.parametrize("name", ["replay", "padded", "padded-on-time"])
def test_a_replay_is_of_the_design_that_was_named(
    name: str, models: Models, tmp_path: Path
) -> None:
    adapter = adapter_for(given("--server", name), models, tmp_path)
    assert adapter.title == f"{name}, not started"
