"""Who may import whom: DESIGN's table, read from the source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest


PACKAGE = Path(__file__).parent.parent / "whispercpp_ws"
SOURCES = sorted(PACKAGE.rglob("*.py"))

VALUES = (
    "errors",
    "transcript",
    "decoding",
    "events",
    "config",
    "metrics",
    "audio_file",
    "closing",
)

ALLOWED: dict[str, tuple[str, ...]] = {
    "errors": (),
    "transcript": (),
    "decoding": (),
    "events": ("errors", "transcript"),
    "audio_file": ("closing", "decoding", "errors"),
    "closing": (),
    "config": ("errors",),
    "metrics": ("decoding", "errors", "events"),
    "session": ("events", "decoding", "transcript", "errors"),
    "protocols": ("events", "transcript", "errors"),
    "access": ("config", "errors"),
    "engines": ("decoding", "transcript", "errors"),
    # The ggml file format and the place of its library belong to the engine.
    "models": (
        "engines.base",
        "engines.whispercpp.library",
        "engines.whispercpp.model_file",
        "closing",
        "config",
        "errors",
    ),
    "scheduler": (
        "engines",
        "models.registry",
        "decoding",
        "transcript",
        "metrics",
        "errors",
    ),
    "client": ("protocols.native", *VALUES),
    "server": (
        *VALUES,
        "session",
        "protocols",
        "access",
        "engines",
        "models",
        "scheduler",
    ),
    "cli": (
        *VALUES,
        "session.resample",
        "access",
        "protocols",
        "engines",
        "models",
        "scheduler",
        "server",
        "client",
    ),
}

OWNERS: dict[str, tuple[str, ...]] = {
    "soxr": ("session/resample.py",),
    "webrtcvad": ("session/vad.py",),
    "soundfile": ("audio_file.py",),
    "jwt": ("access/token.py",),
    "prometheus_client": ("metrics.py",),
    "tqdm": ("cli/progress.py",),
    "sounddevice": ("client/microphone.py",),
    "shtab": ("cli/completion.py",),
    "aiohttp": ("server/", "client/"),
    "asyncio": ("server/", "client/", "scheduler/", "cli/"),
    "ctypes": (
        "engines/whispercpp/",
        "models/quantize.py",
        "scheduler/lane_processes.py",
    ),
    "threading": (
        "engines/whispercpp/",
        "scheduler/answers.py",
        "scheduler/lane_threads.py",
        "scheduler/lane_processes.py",
        "models/",
    ),
    "pywhispercpp": (),
    "requests": (),
}

PURE_SCHEDULING = tuple(
    f"scheduler/{name}.py"
    for name in ("policy", "cost", "quarantine", "pressure", "admission")
)
PURE = ("session/", "protocols/", "access/", *PURE_SCHEDULING, "events.py")
IMPURE = {"asyncio", "threading", "time", "socket", "os", "pathlib", "subprocess"}


def relative(source: Path) -> str:
    return source.relative_to(PACKAGE).as_posix()


def imports(source: Path) -> Iterator[str]:
    """Name every module a file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source} imports by a relative name"
            yield from (named(node.module or "", alias.name) for alias in node.names)


def named(module: str, name: str) -> str:
    """Tell `from package import module` from `from module import name`."""
    path = PACKAGE.parent.joinpath(*module.split("."), name)
    is_module = path.with_suffix(".py").exists() or path.is_dir()
    return f"{module}.{name}" if is_module else module


def inside(name: str, allowed: tuple[str, ...]) -> bool:
    return any(name == layer or name.startswith(f"{layer}.") for layer in allowed)


@pytest.mark.parametrize("source", SOURCES, ids=relative)
def test_a_file_imports_only_from_the_layers_below(source: Path) -> None:
    layer = relative(source).removesuffix(".py").split("/")[0]
    if layer in ("__init__", "__main__"):
        return
    for module in imports(source):
        head, _, rest = module.partition(".")
        if head == "whispercpp_ws" and not inside(rest, (layer,)):
            assert not rest or inside(rest, ALLOWED[layer]), f"{layer} imports {module}"


@pytest.mark.parametrize("source", SOURCES, ids=relative)
def test_a_library_is_imported_only_where_it_belongs(source: Path) -> None:
    for module in imports(source):
        owners = OWNERS.get(module.partition(".")[0])
        if owners is not None:
            assert relative(source).startswith(owners), f"{module} is not for here"


@pytest.mark.parametrize(
    "source", [s for s in SOURCES if relative(s).startswith(PURE)], ids=relative
)
def test_pure_code_has_no_clock_no_threads_and_no_files(source: Path) -> None:
    assert not IMPURE.intersection(module.split(".")[0] for module in imports(source))


def test_every_folder_is_a_layer() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    assert folders - {"web", "__pycache__"} <= set(ALLOWED)
