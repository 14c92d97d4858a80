import sys
from pathlib import Path

import pytest

from scripts.bench.adapters.environment import Environment
from scripts.bench.adapters.process import BenchError


@pytest.fixture
def ct2(tmp_path: Path) -> Path:
    """A folder that looks like a model."""
    (tmp_path / "model.bin").touch()
    return tmp_path


async def test_versions_are_asked_of_the_interpreter(ct2: Path) -> None:
    said = await Environment(Path(sys.executable), ct2).versions("aiohttp", "numpy")
    assert said.startswith("aiohttp 3.")
    assert ", numpy " in said
    assert ", Python 3." in said


async def test_a_package_that_is_missing_is_an_error_with_the_way_out(
    ct2: Path,
) -> None:
    environment = Environment(Path(sys.executable), ct2)
    with pytest.raises(BenchError, match="no-such-package.*make bench-baselines"):
        await environment.versions("no-such-package")


async def test_an_interpreter_that_is_missing_is_an_error(ct2: Path) -> None:
    with pytest.raises(BenchError, match="--python"):
        await Environment(ct2 / "none", ct2).versions("numpy")


async def test_a_folder_without_a_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="--ct2.*make bench-baselines"):
        await Environment(Path(sys.executable), tmp_path).versions("numpy")


async def test_a_script_that_ends_is_an_error_with_its_output(ct2: Path) -> None:
    environment = Environment(Path(sys.executable), ct2)
    with pytest.raises(BenchError, match="ended before it listened:\n.*none.py"):
        await environment.serve("none.py", log=ct2 / "log")
