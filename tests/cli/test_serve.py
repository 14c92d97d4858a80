"""`serve` says where it listens, serves, and stops when told."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from whispercpp_ws.cli import main, serve
from whispercpp_ws.cli.serve import Address, greeting, host_spec, usable_cores
from whispercpp_ws.config import ModelConfig
from whispercpp_ws.engines.base import EngineInfo
from whispercpp_ws.models.registry import ModelSpec


SCRIPTED = ["serve", "--engine", "scripted", "--lanes", "1"]


@pytest.fixture
def server() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "whispercpp_ws", *SCRIPTED, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def next_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


def test_a_server_serves_until_it_is_told_to_stop(
    server: subprocess.Popen[str], jfk_wav: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert next_line(server) == "Loading scripted ..."
    line = next_line(server)
    assert line.startswith("Listening on http://127.0.0.1:")
    assert line.endswith("/stt), model scripted, 1 lane")
    url = line.partition("(WebSocket ")[2].partition(")")[0]
    assert main(["stream", str(jfk_wav), "--url", url, "--fast"]) == 0
    assert "one two" in capsys.readouterr().out
    server.send_signal(signal.SIGTERM)
    assert next_line(server) == "Stopped."
    assert server.wait(10) == 0


def test_a_port_in_use_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main([*SCRIPTED, "--port", port]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith(f"whispercpp-ws: cannot listen on 127.0.0.1:{port}: ")


def test_strangers_are_not_served_by_accident(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["serve", "--host", "0.0.0.0"]) == 1
    assert "set a token key" in capsys.readouterr().err


def test_a_bad_option_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--port", "http"]) == 1
    assert "--port: expected a whole number" in capsys.readouterr().err


def test_sessions_that_were_cut_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def cut(*_args: object, **_how: object) -> bool:
        return False

    monkeypatch.setattr(serve, "run_app", cut)
    assert main(SCRIPTED) == 1
    assert "some sessions were cut" in capsys.readouterr().out


def test_the_engine_process_gets_the_checked_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = ModelSpec("base-q8_0", Path("m/ggml.bin"), "ab" * 32, 7)
    monkeypatch.setattr(serve, "fetched_model", lambda _config: model)
    spec = host_spec(ModelConfig(lanes=3))
    assert (spec.engine, spec.model, spec.lanes) == ("whispercpp", "base-q8_0", 3)
    assert (spec.path, spec.size_bytes) == (str(model.path), 7)
    assert spec.sha256 == "ab" * 32


def test_there_is_a_lane_for_each_usable_core() -> None:
    spec = host_spec(ModelConfig(engine="scripted"))
    assert spec.lanes == usable_cores() >= 1


def test_cores_are_counted_where_no_affinity_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores() == 1


def test_the_greeting_names_addresses_model_and_lanes() -> None:
    info = EngineInfo("whisper.cpp", "base-q8_0", ("en",), lanes=2)
    assert greeting(Address("::1", 2700), info) == (
        "Listening on http://[::1]:2700 (WebSocket ws://[::1]:2700/stt), "
        "model base-q8_0, 2 lanes"
    )
