"""`transcribe` writes what files say, in the form asked for."""

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import soundfile

from whispercpp_ws.cli import main
from whispercpp_ws.cli.transcribe import TranscribeJob, transcribe_files
from whispercpp_ws.engines.scripted import ScriptedEngine
from whispercpp_ws.errors import BadAudio, ConfigError


SENTENCE = (
    "and so my fellow americans ask not what your country can do for you "
    "ask what you can do for your country"
)


def only_words(text: str) -> list[str]:
    kept = "".join(c if c.isalpha() else " " for c in text.lower())
    return kept.split()


def test_text_goes_to_the_standard_output(
    jfk_wav: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = TranscribeJob((jfk_wav, jfk_wav))
    assert transcribe_files(job, ScriptedEngine(["ah"])) == 0
    out, err = capsys.readouterr()
    said = " ".join(["ah"] * 22)
    assert out == f"==> {jfk_wav} <==\n{said}\n" * 2
    assert "jfk.wav 100 % (11.0 of 11.0 s)" in err


def test_files_of_another_rate_are_resampled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.wav"
    soundfile.write(file, [[0.0, 0.1]] * 44_100, 44_100)
    transcribe_files(TranscribeJob((file,), form="json"), ScriptedEngine())
    value = json.loads(capsys.readouterr().out)
    assert value["seconds"] == pytest.approx(1.0, abs=0.001)
    assert value["text"] == "one two"


def test_each_file_gets_its_own_in_the_output_folder(
    jfk_wav: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "captions"
    job = TranscribeJob((jfk_wav,), form="srt", output_dir=folder)
    transcribe_files(job, ScriptedEngine())
    text = (folder / "jfk.srt").read_text(encoding="utf-8")
    assert text.startswith("1\n00:00:00,000 --> 00:00:11,000\none two")
    assert capsys.readouterr().out == ""


def test_a_folder_that_cannot_be_written_is_named(
    jfk_wav: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    job = TranscribeJob((jfk_wav,), output_dir=tmp_path / "file")
    with pytest.raises(ConfigError, match="--output-dir: expected a folder"):
        transcribe_files(job, ScriptedEngine())


def test_a_bad_file_leaves_the_others(
    jfk_wav: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = tmp_path / "absent.wav"
    job = TranscribeJob((absent, jfk_wav))
    assert transcribe_files(job, ScriptedEngine()) == 1
    out, err = capsys.readouterr()
    assert out.startswith(f"==> {jfk_wav} <==\none two")
    told = [line for line in err.splitlines() if line.startswith("whispercpp-ws")]
    assert told == [
        f"whispercpp-ws: {absent}: no such file",
        f"whispercpp-ws: 1 of 2 files failed: {absent}",
    ]


def test_the_only_bad_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadAudio, match="no such file"):
        transcribe_files(TranscribeJob((tmp_path / "absent.wav",)), ScriptedEngine())


@pytest.mark.parametrize("is_raw", [True, False])
def test_the_standard_input_is_raw_pcm_or_a_file(
    is_raw: bool,
    jfk_wav: Path,
    jfk_pcm: bytes,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = jfk_pcm if is_raw else jfk_wav.read_bytes()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    job = TranscribeJob((Path("-"),), form="json")
    assert transcribe_files(job, ScriptedEngine()) == 0
    assert json.loads(capsys.readouterr().out)["seconds"] == 11.0


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_captions_of_several_files_need_a_folder(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["transcribe", "a.wav", "b.wav", f"--{form}"]) == 2
    assert f"--{form}: expected one file" in capsys.readouterr().err


def test_files_that_would_overwrite_each_other_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ["x/a.wav", "y/a.flac"]
    assert main(["transcribe", *files, "--output-dir", str(tmp_path)]) == 2
    assert "two of the files have the same name" in capsys.readouterr().err


def test_an_unknown_model_is_one_sentence(
    jfk_wav: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["transcribe", str(jfk_wav), "--model", "bse"]) == 2
    assert capsys.readouterr().err.startswith("whispercpp-ws: ")


@pytest.mark.model
def test_the_sample_is_transcribed(
    jfk_wav: Path,
    tiny_en_model: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    flags = ["--model", "tiny.en", "--models-dir", str(tiny_en_model.parent)]
    assert main(["transcribe", str(jfk_wav), "--json", *flags]) == 0
    value = json.loads(capsys.readouterr().out)
    assert only_words(value["text"]) == only_words(SENTENCE)
    assert [w for s in value["segments"] for w in s["words"]]
