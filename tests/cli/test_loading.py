"""The configured model is found where models are kept."""

from pathlib import Path

import pytest

from whispercpp_ws.cli import loading
from whispercpp_ws.cli.loading import fetched_model, fetched_vad, model_store
from whispercpp_ws.config import ModelConfig
from whispercpp_ws.errors import ModelNotInCatalog
from whispercpp_ws.models.atomic import Progress
from whispercpp_ws.models.registry import ModelSpec
from whispercpp_ws.models.store import ModelStore


def test_a_configured_folder_is_used(tmp_path: Path) -> None:
    assert model_store(ModelConfig(models_dir=tmp_path)).directory == tmp_path


def test_outside_a_checkout_the_default_is_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("WHISPERCPP_WS_MODELS_DIR", raising=False)
    assert model_store(ModelConfig()).directory != Path("models")


def test_fetching_shows_its_progress(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spec = ModelSpec("base-q8_0", tmp_path / "model", "ab", 5)

    def fetch(_store: ModelStore, model: str, quant: str, bar: Progress) -> ModelSpec:
        bar(f"{model} {quant}", 5_000_000, 5_000_000)
        return spec

    monkeypatch.setattr(loading, "resolve", fetch)
    assert fetched_model(ModelConfig(models_dir=tmp_path)) == spec
    assert capsys.readouterr().err == "base q8_0 100 % (5.0 of 5.0 MB)\n"


def test_the_voice_detector_is_fetched_like_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(_store: ModelStore, model: str, quant: str, _bar: Progress) -> ModelSpec:
        return ModelSpec(f"{model} {quant}", tmp_path, "ab", 5)

    monkeypatch.setattr(loading, "resolve", fetch)
    vad = fetched_vad(ModelConfig())
    assert vad is not None and vad.name == "silero-v6.2.0 f16"
    assert fetched_vad(ModelConfig(vad_model="")) is None


def test_a_voice_detector_that_cannot_be_had_can_be_left_out(tmp_path: Path) -> None:
    with pytest.raises(ModelNotInCatalog, match="--vad-model '' does without it"):
        fetched_vad(ModelConfig(models_dir=tmp_path, vad_model="sileri"))


def test_an_unknown_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelNotInCatalog):
        fetched_model(ModelConfig(model="bse", models_dir=tmp_path))
