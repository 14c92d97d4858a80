"""Have the configured model on disk, with a progress bar while it comes."""

from dataclasses import replace

from whispercpp_ws.cli.progress import ProgressBar
from whispercpp_ws.config import ModelConfig
from whispercpp_ws.errors import ModelError
from whispercpp_ws.models.registry import ModelSpec, default_directory, resolve
from whispercpp_ws.models.store import ModelStore


def model_store(config: ModelConfig) -> ModelStore:
    """Return the store of the configured folder, or of the default one."""
    # `models` is a folder of a checkout; elsewhere the default is the user's cache.
    is_default = config.models_dir == ModelConfig().models_dir
    return ModelStore(default_directory() if is_default else config.models_dir)


def fetched_vad(config: ModelConfig) -> ModelSpec | None:
    """Return the voice detector's file like `fetched_model`; None when none is used."""
    if not config.vad_model:
        return None
    try:
        return fetched_model(replace(config, model=config.vad_model, quant="f16"))
    except ModelError as error:
        raise type(error)(f"{error}; --vad-model '' does without it") from error


def fetched_model(config: ModelConfig) -> ModelSpec:
    """
    Return the model's file, checked; fetches it when it is missing.

    Raises:
        ModelError: the model is not in the catalogue or cannot be had.
    """
    progress = ProgressBar()
    try:
        return resolve(model_store(config), config.model, config.quant, progress)
    finally:
        progress.finish()
