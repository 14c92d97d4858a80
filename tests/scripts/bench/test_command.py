import json
from pathlib import Path

import pytest

from scripts.bench.adapters.environment import Environment
from scripts.bench.command import Job, main, run
from scripts.bench.manifest import SAMPLE_REFERENCE, bundled_sample
from scripts.bench.run import Streaming
from scripts.bench.servers import Server
from tests.scripts.bench.lines import JFK
from whispercpp_ws.config import ModelConfig


def test_a_manifest_that_is_missing_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--manifest", str(tmp_path / "none.tsv")]) == 1
    assert "error: --manifest" in capsys.readouterr().err


def test_no_client_at_all_is_refused() -> None:
    with pytest.raises(SystemExit):
        main(["--clients", "0"])


def test_a_server_nobody_knows_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--server", "vosk"])
    assert "'sliding-window', 'whisper-live', 'replay'" in capsys.readouterr().err


def test_the_program_of_another_server_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["--server", "whisper-live", "--whisper-server", "x"])
    assert "--whisper-server goes with" in capsys.readouterr().err


@pytest.mark.model
@pytest.mark.usefixtures("base_model")
@pytest.mark.parametrize("server", ["sliding-window", "whisper-live"])
def test_weights_of_a_baseline_that_are_missing_are_said(
    server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--server", server, "--ct2", str(tmp_path), "--output", str(tmp_path)]
    assert main(given) == 1
    assert "run: make bench-baselines" in capsys.readouterr().err


@pytest.mark.model
@pytest.mark.usefixtures("base_model")
def test_a_whisper_server_is_chosen_by_its_program(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--whisper-server", str(tmp_path / "none"), "--output", str(tmp_path)]
    assert main(given) == 1
    assert f"error: {tmp_path / 'none'}: No such file" in capsys.readouterr().err


@pytest.mark.model
@pytest.mark.usefixtures("base_model")
def test_the_sample_is_streamed_scored_and_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = tmp_path / "manifest.tsv"
    manifest.write_text(
        "set\tid\tpath\tseconds\trate\tchannels\tlanguage\treference\n"
        f"sample\tjfk\t{JFK}\t11\t16000\t1\ten\t{SAMPLE_REFERENCE}\n"
    )
    assert main(["--manifest", str(manifest), "--output", str(tmp_path / "out")]) == 0
    assert "| sample | en | 1 |" in capsys.readouterr().out
    report = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    (score,) = report["sets"]
    assert score["wer"] < 10
    assert score["stability"]["stable_retractions"] == 0
    assert score["first_partial_s"]["p50"] > 0
    assert score["endpoint_s"]["p50"] > 0.2
    cpu, load = report["load"]["cpu"], report["load"]
    assert cpu["partial"] > cpu["silero"] > 0
    assert cpu["speculative"] + cpu["final"] > 0
    # What the decodes say of themselves is what their process has used.
    assert abs(cpu["other"]) < 0.1 * load["cpu_s"] / load["audio_s"]
    assert report["redundancy"]["finals"] > 0.5
    assert report["redundancy"]["partials"] > 0.2
    assert (tmp_path / "out" / "timeline.png").stat().st_size > 1_000


@pytest.mark.model
@pytest.mark.usefixtures("base_model", "silero_model")
def test_the_sample_is_replayed_without_waiting_for_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = tmp_path / "manifest.tsv"
    manifest.write_text(
        "set\tid\tpath\tseconds\trate\tchannels\tlanguage\treference\n"
        f"sample\tjfk\t{JFK}\t11\t16000\t1\ten\t{SAMPLE_REFERENCE}\n"
    )
    given = ["--manifest", str(manifest), "--output", str(tmp_path / "out")]
    assert main([*given, "--server", "replay"]) == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    (score,) = report["sets"]
    assert score["wer"] < 10
    assert report["about"]["server"] == "replay, model base-q8_0"
    assert report["load"]["cpu"]["partial"] > 0
    assert "(ρ)" in capsys.readouterr().out


@pytest.mark.model
@pytest.mark.usefixtures("base_model")
def test_designs_are_replayed_beside_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Only the shape of the model is looked at; words are the scripted engine's.
    job = Job(
        clips=bundled_sample(),
        models=ModelConfig(engine="scripted", vad_model=""),
        endpoint_ms=600,
        how=Streaming(),
        output=tmp_path,
        has_offline=False,
        has_padded=True,
        server=Server("replay", Path(), Environment(Path(), Path())),
    )
    assert run(job) == 0
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    names = [design["name"] for design in report["designs"]]
    assert names == ["replay", "padded", "padded-on-time"]
    assert all(design["cpu_per_speech_s"] > 0 for design in report["designs"])
    # Each once: the run itself is the first of them.
    assert capsys.readouterr().out.count("Streaming 1 clips through replay") == 1
