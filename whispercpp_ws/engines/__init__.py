"""Wrap decoder libraries behind one contract."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from whispercpp_ws.engines.base import Engine
from whispercpp_ws.errors import ConfigError


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How an engine is loaded."""

    model: str
    """Catalogue name, for messages and `info`."""
    lanes: int = 1
    word_times: bool = True
    """Whether to place words in the audio, at some cost for every decode."""
    vad: Path | None = None
    """File of a voice detector; windows without speech are then not decoded."""
    blas: bool = True
    """Whether numpy's BLAS may compute large products, where it can."""


def load_engine(kind: str, path: Path, options: EngineOptions) -> Engine:
    """
    Load a model with the engine named `kind`, importing only that engine's library.

    Raises:
        ConfigError: no engine has this name.
        EngineError: the library or the file cannot be loaded.
    """
    if kind not in _LOADERS:
        names = ", ".join(sorted(_LOADERS))
        raise ConfigError(f"engine: expected one of {names}, got {kind!r}")
    return _LOADERS[kind](path, options)


def _load_whispercpp(path: Path, options: EngineOptions) -> Engine:
    from whispercpp_ws.engines.whispercpp.engine import WhisperCppEngine

    return WhisperCppEngine.load(
        path,
        model=options.model,
        lanes=options.lanes,
        word_times=options.word_times,
        vad=options.vad,
        use_blas=options.blas,
    )


def _load_scripted(_path: Path, options: EngineOptions) -> Engine:
    from whispercpp_ws.engines.scripted import ScriptedEngine

    return ScriptedEngine(model=options.model)


_LOADERS: dict[str, Callable[[Path, EngineOptions], Engine]] = {
    "scripted": _load_scripted,
    "whispercpp": _load_whispercpp,
}
