"""`doctor` prints one line for each check, and fails when one does."""

from pathlib import Path

import pytest

from whispercpp_ws import __version__
from whispercpp_ws.cli import doctor, main


def test_a_missing_model_fails_with_the_command_that_fetches_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--models-dir", str(tmp_path)]) == 1
    *passed, failed = capsys.readouterr().out.splitlines()
    assert [line[:4] for line in passed] == ["ok  "] * 5
    assert __version__ in passed[0]
    assert "libwhisper 1.8.5" in passed[2]
    assert failed.startswith("FAIL  model")
    assert failed.endswith("models fetch base-q8_0")


@pytest.mark.parametrize("name", ["NVIDIA H200", None])
def test_it_says_what_models_run_on(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str | None,
) -> None:
    monkeypatch.setattr(doctor, "gpu_name", lambda: name)
    main(["doctor", "--models-dir", str(tmp_path)])
    line = capsys.readouterr().out.splitlines()[3]
    assert line == f"ok    device   models run on {name or 'the processor'}"


@pytest.mark.parametrize(
    ("reason", "expected"),
    [(None, "some-openblas, by numpy"), ("there is a GPU", "not used: there is a GPU")],
)
def test_it_says_what_multiplies_large_matrices(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    reason: str | None,
    expected: str,
) -> None:
    monkeypatch.setattr(doctor, "unusable", lambda: reason)
    monkeypatch.setattr(doctor, "numpys_blas", lambda: "some-openblas")
    main(["doctor", "--models-dir", str(tmp_path)])
    line = capsys.readouterr().out.splitlines()[4]
    assert line == f"ok    blas     {expected}"


@pytest.mark.model
def test_a_sound_model_passes(
    tiny_en_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--model", "tiny.en", "--models-dir", str(tiny_en_model.parent)]
    assert main(["doctor", *flags]) == 0
    assert str(tiny_en_model) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "features"),
    [
        ("flags\t: fpu avx2 sse avx\n", "avx avx2"),
        ("Features : fp asimd\n", "asimd"),
        ("model name : x\n", ""),
    ],
)
def test_features_of_the_processor_are_found(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    features: str,
) -> None:
    (tmp_path / "cpuinfo").write_text(text, encoding="utf-8")
    monkeypatch.setattr(doctor, "CPU_INFO", tmp_path / "cpuinfo")
    main(["doctor", "--models-dir", str(tmp_path)])
    line = capsys.readouterr().out.splitlines()[1]
    assert line.partition(" x ")[2].split()[1:] == features.split()


def test_a_system_without_cpuinfo_is_fine(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor, "CPU_INFO", tmp_path / "absent")
    main(["doctor", "--models-dir", str(tmp_path)])
    assert capsys.readouterr().out.splitlines()[1].startswith("ok    cpu")
