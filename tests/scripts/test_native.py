"""What `make native` would run; tests/e2e/test_native.py runs it."""

import shutil
import subprocess

import pytest

from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def needs_make() -> None:
    if shutil.which("make") is None:
        pytest.skip("no make here")


def commands(*arguments: str) -> str:
    """Return what make prints and does not run, whatever was built before."""
    command = ["make", "--dry-run", "--always-make", "native", *arguments]
    return subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout


@pytest.mark.parametrize("arguments", [(), ("CUDA=",), ("CUDA=0",)])
def test_it_is_for_the_processor_unless_asked(arguments: tuple[str, ...]) -> None:
    printed = commands(*arguments)
    assert "-B build/native/lib/.. " in printed
    assert "CUDA" not in printed


def test_with_cuda_it_is_for_the_gpu_that_is_here() -> None:
    printed = commands("CUDA=1")
    assert "-B build/native-cuda/lib/.. " in printed
    assert "-DGGML_NATIVE=ON" in printed
    assert "-DGGML_CUDA=ON -DCMAKE_CUDA_ARCHITECTURES='native'" in printed
    assert "-DGGML_CUDA_FA=OFF" in printed


def test_other_gpus_can_be_named() -> None:
    printed = commands("CUDA=1", "CUDA_ARCHITECTURES=86;90")
    assert "-DCMAKE_CUDA_ARCHITECTURES='86;90'" in printed
