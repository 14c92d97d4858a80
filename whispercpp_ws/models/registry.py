"""Turn a configured model name into a file that an engine can load."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from whispercpp_ws.models.atomic import Progress, no_progress
from whispercpp_ws.models.catalog import find, name_of
from whispercpp_ws.models.store import ModelStore


DIRECTORY_VARIABLE = "WHISPERCPP_WS_MODELS_DIR"


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model on disk, checked."""

    name: str
    """Catalogue name, such as "base-q8_0"."""
    path: Path
    sha256: str
    size: int


def resolve(
    store: ModelStore, model: str, quant: str, progress: Progress = no_progress
) -> ModelSpec:
    """
    Return the file of a model in a quantisation, fetching it if it is not there.

    Args:
        store: where models are kept.
        model: such as "base", or with its quantisation as "base-q8_0".
        quant: such as "q8_0", or "f16"; unused if the name carries one.
        progress: called while fetching.

    Raises:
        ModelError: there is no such model, or it cannot be had.
    """
    entry = find(name_of(model, quant))
    path = store.ensure(entry.name, progress)
    return ModelSpec(entry.name, path, store.sha256(entry.name), entry.size)


def default_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """
    Return where models are kept unless told otherwise.

    The environment variable WHISPERCPP_WS_MODELS_DIR; else `models` in the current
    directory if there is one, as in a checkout; else the user's cache.
    """
    configured = environment.get(DIRECTORY_VARIABLE)
    if configured:
        return Path(configured)
    local = Path("models")
    return local if local.is_dir() else _user_cache(environment) / "models"


def _user_cache(environment: Mapping[str, str]) -> Path:
    home = Path.home()
    if sys.platform == "win32":
        base = Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(environment.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "whispercpp-ws"
