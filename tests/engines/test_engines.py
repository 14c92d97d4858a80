import subprocess
import sys
from pathlib import Path

import pytest

from whispercpp_ws.engines import EngineOptions, load_engine
from whispercpp_ws.errors import BadModelFile, ConfigError


def test_an_engine_is_loaded_by_name() -> None:
    engine = load_engine("scripted", Path(), EngineOptions("test"))
    assert engine.info.model == "test"


def test_an_unknown_engine_is_refused_with_the_known_names() -> None:
    with pytest.raises(ConfigError, match="one of scripted, whispercpp, got 'x'"):
        load_engine("x", Path(), EngineOptions("test"))


def test_whispercpp_is_loaded_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadModelFile):
        load_engine("whispercpp", tmp_path / "none.bin", EngineOptions("base"))


def test_no_library_is_imported_before_its_engine_is_asked_for() -> None:
    code = (
        "import sys, whispercpp_ws.engines, whispercpp_ws.scheduler.host\n"
        "sys.exit(any('engines.whispercpp.' in name for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
