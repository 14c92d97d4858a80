"""
Find the libwhisper and libggml that the pywhispercpp wheel installed, and load them.

Each platform's wheel names and places its libraries differently (auditwheel,
delocate, delvewheel), so they are looked up in the wheel's own list of files.
"""

import ctypes
import importlib.metadata
import os
import re
from collections.abc import Iterable
from pathlib import Path

from whispercpp_ws.errors import LibraryMismatch, LibraryNotFound


WHISPER_VERSION = "1.8.5"
"""The only libwhisper whose struct layouts `binding.py` declares."""

WHEEL = "pywhispercpp"
WHEEL_VERSION = "1.5.1"
"""The release of the wheel that carries `WHISPER_VERSION`."""

OVERRIDE_VARIABLE = "WHISPERCPP_WS_LIBWHISPER"
"""Environment variable with the path of another build of libwhisper."""

INSTALL_COMMAND = f"pip install --force-reinstall {WHEEL}=={WHEEL_VERSION}"


def find_library(name: str) -> Path:
    """
    Return the path of a shared library of whisper.cpp.

    Args:
        name: the library without prefix and suffix, "whisper" or "ggml-base".

    Raises:
        LibraryNotFound: neither the wheel nor the override has the library.
    """
    override = os.environ.get(OVERRIDE_VARIABLE)
    if override:
        found = _beside_override(Path(override), name)
        if found is not None:
            return found
    return _in_wheel(name)


def load_library(name: str) -> ctypes.CDLL:
    """
    Load a shared library of whisper.cpp; loading it twice gives the same copy.

    Raises:
        LibraryNotFound: it is absent, or the operating system refuses to load it.
    """
    path = find_library(name)
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise LibraryNotFound(
            f"{path} does not load ({error}); run: {INSTALL_COMMAND}"
        ) from error


def load_whisper() -> ctypes.CDLL:
    """
    Load libwhisper and check that it is the version this package was written for.

    Raises:
        LibraryNotFound: it is absent or does not load.
        LibraryMismatch: it is another version; struct layouts differ between versions.
    """
    library = load_library("whisper")
    found = _version_of(library)
    if found != WHISPER_VERSION:
        raise LibraryMismatch(
            f"expected libwhisper {WHISPER_VERSION}, found {found} in "
            f"{library._name}; run: {INSTALL_COMMAND}"
        )
    return library


def best_match(name: str, files: Iterable[str]) -> str | None:
    """
    Return the file of a wheel that holds library `name`, or None.

    The Linux wheel holds every library twice; only the copies in `.libs` (on macOS
    `.dylibs`) are the ones the other libraries link to.
    """
    pattern = re.compile(
        rf"(^|/)(lib)?{re.escape(name)}(-[0-9a-f]+)?([.][^/]*)?[.](so[\d.]*|dylib|dll)$"
    )
    matches = [file for file in files if pattern.search(file)]
    bundled = [file for file in matches if ".libs/" in file or ".dylibs/" in file]
    return min(bundled or matches, key=lambda file: (len(file), file), default=None)


def _version_of(library: ctypes.CDLL) -> str:
    try:
        function = library.whisper_version
    except AttributeError:
        return "a library without whisper_version()"
    function.argtypes = []
    function.restype = ctypes.c_char_p
    version: bytes = function() or b""
    return version.decode("ascii", "replace")


def _beside_override(override: Path, name: str) -> Path | None:
    if name == "whisper":
        if not override.is_file():
            raise LibraryNotFound(
                f"{OVERRIDE_VARIABLE}: expected the path of libwhisper, "
                f"got {override}, which is not a file"
            )
        return override
    siblings = [path.name for path in override.parent.glob(f"*{name}*")]
    match = best_match(name, siblings)
    return None if match is None else override.parent / match


def _in_wheel(name: str) -> Path:
    files = _wheel_files()
    match = best_match(name, files)
    if match is None or not files[match].is_file():
        raise LibraryNotFound(
            f"expected lib{name} in the {WHEEL} {WHEEL_VERSION} package, "
            f"found none; run: {INSTALL_COMMAND}"
        )
    return files[match]


def _wheel_files() -> dict[str, Path]:
    try:
        listed = importlib.metadata.files(WHEEL) or []
    except importlib.metadata.PackageNotFoundError:
        listed = []
    return {file.as_posix(): Path(str(file.locate())) for file in listed}
