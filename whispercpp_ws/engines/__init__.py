"""Wrap decoder libraries behind one contract."""

from collections.abc import Callable
from pathlib import Path

from whispercpp_ws.engines.base import Engine
from whispercpp_ws.errors import ConfigError


def load_engine(
    kind: str, path: Path, *, model: str, lanes: int = 1, word_times: bool = True
) -> Engine:
    """
    Load a model with the engine named `kind`, importing only that engine's library.

    Raises:
        ConfigError: no engine has this name.
        EngineError: the library or the file cannot be loaded.
    """
    if kind not in _LOADERS:
        names = ", ".join(sorted(_LOADERS))
        raise ConfigError(f"engine: expected one of {names}, got {kind!r}")
    return _LOADERS[kind](path, model, lanes, word_times)


def _load_whispercpp(path: Path, model: str, lanes: int, word_times: bool) -> Engine:
    from whispercpp_ws.engines.whispercpp.engine import WhisperCppEngine

    return WhisperCppEngine.load(path, model=model, lanes=lanes, word_times=word_times)


def _load_scripted(_path: Path, model: str, _lanes: int, _word_times: bool) -> Engine:
    from whispercpp_ws.engines.scripted import ScriptedEngine

    return ScriptedEngine(model=model)


_LOADERS: dict[str, Callable[[Path, str, int, bool], Engine]] = {
    "scripted": _load_scripted,
    "whispercpp": _load_whispercpp,
}
