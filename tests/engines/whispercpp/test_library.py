import ctypes
import importlib.metadata
import shutil
from pathlib import Path

import pytest

from whispercpp_ws.engines.whispercpp import library
from whispercpp_ws.errors import LibraryMismatch, LibraryNotFound


LINUX = [
    "pywhispercpp.libs/libggml-684d824a.so.0.13.1",
    "pywhispercpp.libs/libggml-base-319ad4fb.so.0.13.1",
    "pywhispercpp.libs/libwhisper-1ab89ae8.so.1.8.5",
    "libggml-base.so.0.13.1",
    "libwhisper.so",
    "libwhisper.so.1",
    "_pywhispercpp.cpython-311-x86_64-linux-gnu.so",
]


@pytest.fixture(autouse=True)
def no_override(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look into the wheel, also where all tests are run with another library."""
    monkeypatch.delenv(library.OVERRIDE_VARIABLE, raising=False)


def test_the_bundled_copy_is_preferred() -> None:
    assert library.best_match("whisper", LINUX) == LINUX[2]


def test_ggml_is_not_mistaken_for_ggml_base() -> None:
    assert library.best_match("ggml", LINUX) == LINUX[0]
    assert library.best_match("ggml-base", LINUX) == LINUX[1]


@pytest.mark.parametrize(
    "file",
    [
        "pywhispercpp/.dylibs/libwhisper.1.8.5.dylib",
        "whisper-0a1b2c.dll",
        "libwhisper.so.1",
    ],
)
def test_each_platform_is_recognised(file: str) -> None:
    assert library.best_match("whisper", ["setup.py", file]) == file


def test_the_python_module_is_no_library() -> None:
    assert library.best_match("whisper", LINUX[-1:]) is None


def test_whisper_of_the_right_version_loads() -> None:
    loaded = library.load_whisper()
    assert loaded.whisper_version() == library.WHISPER_VERSION.encode()


def test_the_same_copy_is_loaded_twice() -> None:
    first, second = library.load_library("ggml-base"), library.load_whisper()
    address = ctypes.cast(first.ggml_quantize_chunk, ctypes.c_void_p).value
    again = library.load_library("ggml-base").ggml_quantize_chunk
    assert ctypes.cast(again, ctypes.c_void_p).value == address
    assert second._name == str(library.find_library("whisper"))


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "WHISPER_VERSION", "1.9.0")
    with pytest.raises(
        LibraryMismatch, match=r"expected libwhisper 1\.9\.0, found 1\.8\.5.*pip"
    ):
        library.load_whisper()


def test_a_library_that_is_not_whisper_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = library.find_library("ggml-base")
    monkeypatch.setenv(library.OVERRIDE_VARIABLE, str(other))
    with pytest.raises(LibraryMismatch, match=r"without whisper_version\(\)"):
        library.load_whisper()


def test_a_file_that_does_not_load_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "libwhisper.so"
    broken.write_bytes(b"not a library")
    monkeypatch.setenv(library.OVERRIDE_VARIABLE, str(broken))
    with pytest.raises(LibraryNotFound, match="does not load"):
        library.load_whisper()


def test_an_override_that_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(library.OVERRIDE_VARIABLE, str(tmp_path / "none.so"))
    with pytest.raises(LibraryNotFound, match=library.OVERRIDE_VARIABLE):
        library.find_library("whisper")


def test_ggml_is_taken_from_beside_the_override(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("libwhisper.so", "libggml-base.so"):
        shutil.copy(library.find_library("ggml-base"), tmp_path / name)
    monkeypatch.setenv(library.OVERRIDE_VARIABLE, str(tmp_path / "libwhisper.so"))
    assert library.find_library("ggml-base") == tmp_path / "libggml-base.so"


def test_ggml_is_taken_from_the_wheel_where_the_override_has_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "libwhisper.so").touch()
    in_wheel = library.find_library("ggml-base")
    monkeypatch.setenv(library.OVERRIDE_VARIABLE, str(tmp_path / "libwhisper.so"))
    assert library.find_library("ggml-base") == in_wheel


def test_an_unknown_library_is_not_found() -> None:
    with pytest.raises(LibraryNotFound, match="pip install"):
        library.find_library("no-such-library")


def test_a_missing_wheel_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_files(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", no_files)
    with pytest.raises(LibraryNotFound, match="pywhispercpp"):
        library.find_library("whisper")
