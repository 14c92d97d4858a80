"""`serve` says where it listens, serves, and stops when told."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from whispercpp_ws.cli import main, serve
from whispercpp_ws.cli.serve import (
    Address,
    decoding,
    default_partial_lanes,
    greeting,
    host_spec,
    partial_spec,
    usable_cores,
)
from whispercpp_ws.config import ModelConfig
from whispercpp_ws.engines.base import EngineInfo
from whispercpp_ws.errors import SpeechError
from whispercpp_ws.models.registry import ModelSpec
from whispercpp_ws.scheduler.host import EngineHost
from whispercpp_ws.scheduler.wire import HostSpec


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
        assert main([*SCRIPTED, "--port", port]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith(f"whispercpp-ws: cannot listen on 127.0.0.1:{port}: ")


def test_strangers_are_not_served_by_accident(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["serve", "--host", "0.0.0.0"]) == 2
    assert "set a token key" in capsys.readouterr().err


def test_a_bad_option_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--port", "http"]) == 2
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
    vad = ModelSpec("silero", Path("m/silero.bin"), "cd" * 32, 7)
    monkeypatch.setattr(serve, "fetched_model", lambda _config: model)
    monkeypatch.setattr(serve, "fetched_vad", lambda _config: vad)
    spec = host_spec(ModelConfig(lanes=3))
    assert (spec.engine, spec.model, spec.lanes) == ("whispercpp", "base-q8_0", 3)
    assert (spec.path, spec.size_bytes) == (str(model.path), 7)
    assert (spec.sha256, spec.vad_path) == ("ab" * 32, str(vad.path))
    assert spec.blas
    assert not host_spec(ModelConfig(blas="off")).blas


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


def test_the_greeting_names_the_model_of_partials_too() -> None:
    info = EngineInfo("whisper.cpp", "base-q8_0", ("en",), lanes=2)
    tiny = EngineInfo("whisper.cpp", "tiny-q8_0", ("en",), lanes=1)
    assert greeting(Address("::1", 2700), info, tiny).endswith(
        "model base-q8_0, 2 lanes, partials by model tiny-q8_0, 1 lane"
    )


def test_without_a_partial_model_there_is_one_engine_process() -> None:
    assert partial_spec(ModelConfig(partial_quant="q5_1", partial_lanes=3)) is None


def test_the_partial_model_has_its_own_quantisation_and_lanes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fetched(config: ModelConfig) -> ModelSpec:
        name = f"{config.model}-{config.quant}"
        return ModelSpec(name, Path(name), "ab" * 32, 7)

    monkeypatch.setattr(serve, "fetched_model", fetched)
    config = ModelConfig(
        vad_model="", model="small", lanes=2, partial_model="tiny", partial_quant="q5_1"
    )
    final, partial = host_spec(config), partial_spec(config)
    assert (final.model, final.lanes, final.vad_path) == ("small-q8_0", 2, "")
    assert partial is not None
    assert (partial.model, partial.lanes) == ("tiny-q5_1", default_partial_lanes())


@pytest.mark.parametrize(("cores", "lanes"), [(1, 1), (2, 1), (3, 1), (8, 4)])
def test_partials_get_half_the_cores(
    monkeypatch: pytest.MonkeyPatch, cores: int, lanes: int
) -> None:
    monkeypatch.setattr(serve, "usable_cores", lambda: cores)
    assert default_partial_lanes() == lanes


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> list[EngineHost]:
    """Every host that is started, to see what becomes of it."""
    hosts: list[EngineHost] = []
    start = EngineHost.start

    async def noted(spec: HostSpec) -> EngineHost:
        hosts.append(await start(spec))
        return hosts[-1]

    monkeypatch.setattr(EngineHost, "start", noted)
    return hosts


def are_gone(hosts: list[EngineHost]) -> bool:
    return not any(psutil.pid_exists(host.pid) for host in hosts)


async def test_two_engine_processes_are_started_and_both_are_closed(
    hosts: list[EngineHost],
) -> None:
    final, partial = (HostSpec("scripted", name) for name in ("large", "small"))
    async with decoding(ModelConfig(), final, partial) as (scheduler, fleet):
        assert len({host.pid for host in hosts}) == 2
        assert scheduler.info == hosts[0].info
        assert [model.name for model in fleet.loaded()] == ["large"]
        assert scheduler.partial_info == hosts[1].info
    assert are_gone(hosts)


async def test_a_second_model_that_does_not_load_closes_the_first(
    hosts: list[EngineHost],
) -> None:
    final, partial = HostSpec("scripted", "large"), HostSpec("unheard-of", "small")
    with pytest.raises(SpeechError):
        async with decoding(ModelConfig(), final, partial):
            raise AssertionError
    assert len(hosts) == 1
    assert are_gone(hosts)


async def test_models_are_loaded_by_the_servers_own_options(
    hosts: list[EngineHost],
) -> None:
    config = ModelConfig(engine="scripted", unload_idle_s=60.0)
    async with decoding(config, HostSpec("scripted", "large")) as (_, fleet):
        await fleet.load("whatever")
        loaded = [model.name for model in fleet.loaded()]
    assert loaded == ["large", "scripted"]
    assert are_gone(hosts)


def test_a_server_with_two_models_names_both(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def greeted(
        _app: object, _listen: object, *, on_listening: Callable[[int], None]
    ) -> bool:
        on_listening(1)
        return True

    monkeypatch.setattr(serve, "run_app", greeted)
    assert main([*SCRIPTED, "--partial-model", "tiny", "--partial-lanes", "1"]) == 0
    loading, listening, _ = capsys.readouterr().out.splitlines()
    assert loading == "Loading scripted and scripted ..."
    assert listening.endswith("scripted, 1 lane, partials by model scripted, 1 lane")
