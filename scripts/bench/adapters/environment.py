"""A server in a Python environment of its own, with a CTranslate2 model."""

import asyncio
import subprocess
from dataclasses import dataclass
from pathlib import Path

from scripts.bench.adapters.process import BenchError, ServerProcess, free_port


BASELINES = Path(__file__).parent.parent / "baselines"
"""Where the scripts are that such an environment runs."""

ASK_S = 60.0
"""Longest start of an interpreter, from a slow disk."""

SAY_VERSIONS = """
import platform, sys
from importlib.metadata import version
said = [f"{name} {version(name)}" for name in sys.argv[1:]]
print(", ".join([*said, f"Python {platform.python_version()}"]))
"""


@dataclass(frozen=True, slots=True)
class Environment:
    """What `make bench-baselines` made."""

    python: Path
    """The interpreter of a virtual environment."""
    ct2: Path
    """Folder of the CTranslate2 files of the model."""

    async def versions(self, *packages: str) -> str:
        """Name the versions of what runs there; raises BenchError where it is not."""
        if not (self.ct2 / "model.bin").is_file():
            raise BenchError(
                f"--ct2 {self.ct2}: expected a folder with a CTranslate2 model.bin; "
                "run: make bench-baselines"
            )
        return await asyncio.to_thread(_ask, self.python, packages)

    async def serve(
        self, script: str, *options: str, log: Path
    ) -> tuple[ServerProcess, int]:
        """Start a script of `BASELINES`; returns it and its port; raises BenchError."""
        port = free_port()
        command = [str(self.python), str(BASELINES / script), *options]
        process = ServerProcess.spawn([*command, "--port", str(port)], log)
        await process.accepting(port)
        return process, port


def _ask(python: Path, packages: tuple[str, ...]) -> str:
    try:
        found = subprocess.run(
            [python, "-c", SAY_VERSIONS, *packages],
            capture_output=True,
            text=True,
            timeout=ASK_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise BenchError(
            f"--python {python}: expected an environment with {', '.join(packages)} "
            f"({error}); run: make bench-baselines"
        ) from error
    return found.stdout.strip()
