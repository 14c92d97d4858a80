"""
Run clients that are not of this environment: of Node, or of packages with needs.

`make clients` installs them: Node's beside their scripts in `clients/`, Python's into
`build/clients`. Each script drives an unmodified client and prints one line of JSON.
"""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import pytest


SCRIPTS = Path(__file__).parent / "clients"
MODULES = SCRIPTS / "node_modules"
ENVIRONMENT = Path(__file__).parent.parent.parent / "build" / "clients"
NODE_SUFFIX = " (npm)"
"""What the name of a package of Node ends in, to tell it from a Python one."""
CHECKOUTS = {
    "vosk-server": "VOSK_SERVER_CHECKOUT",
    "WhisperLiveKit": "WHISPERLIVEKIT_CHECKOUT",
    "nv-websocket-client": "NV_WEBSOCKET_CLIENT_CHECKOUT",
    "websocket-php": "WEBSOCKET_PHP_CHECKOUT",
}
"""Variables that name the folders of clients which are in no package."""
PROGRAMS = ("curl",)
"""Clients that are programs, and tell their version themselves."""
TIMEOUT_S = 150.0
NOTHING_MORE: Mapping[str, str] = MappingProxyType({})
"""Of the environment, for a program that needs nothing but ours."""


def client_version(client: str) -> str:
    """Return the version of a client, wherever it is installed."""
    if client.endswith(NODE_SUFFIX):
        return _node_version(client.removesuffix(NODE_SUFFIX))
    if client in CHECKOUTS:
        return _commit(checkout(client))
    if client in PROGRAMS:
        return _output(client, "--version").split()[1]
    try:
        return version(client)
    except PackageNotFoundError:
        (found,) = distributions(name=client, path=_site_packages())
        return found.version


async def run_client(
    script: str, *arguments: object, environment: Mapping[str, str] = NOTHING_MORE
) -> Any:
    """
    Run a script of `clients/`, and return what its last line of output says.

    The test is skipped where the script's language or packages are not installed.
    """
    program = foreign_node() if script.endswith(".mjs") else foreign_python()
    output = await run_program(
        program, SCRIPTS / script, *arguments, environment=environment
    )
    return json.loads(output.splitlines()[-1])


async def run_program(
    program: str,
    *arguments: object,
    environment: Mapping[str, str] = NOTHING_MORE,
    folder: Path | None = None,
) -> str:
    """Run a program, in a folder of its own unless one is named; return its output."""
    with TemporaryDirectory() as own_folder:
        process = await asyncio.create_subprocess_exec(
            program,
            *map(str, arguments),
            # Some write files where they stand.
            cwd=folder or own_folder,
            env=os.environ | environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(TIMEOUT_S):
                output, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert process.returncode == 0, errors.decode()
    return output.decode()


def checkout(name: str) -> Path:
    """Return the folder of a repository; skips a test where none is named."""
    folder = os.environ.get(CHECKOUTS[name])
    if not folder:
        pytest.skip(f"needs a checkout that {CHECKOUTS[name]} names")
    return Path(folder).absolute()


def tool(name: str) -> str:
    """Return the path of a program of another language; skips a test without it."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"needs the program {name}")
    return path


def foreign_node() -> str:
    """Return Node, if the clients' packages are there; skips a test without them."""
    node = shutil.which("node")
    if node is None or not MODULES.is_dir():
        pytest.skip("needs Node and its packages: make clients")
    return node


def foreign_python() -> str:
    """Return the Python that has the clients' packages; skips a test without it."""
    python = ENVIRONMENT / "bin" / "python"
    if not (ENVIRONMENT / "installed").exists():
        pytest.skip("needs the packages of build/clients: make clients")
    return str(python)


def _node_version(package: str) -> str:
    told = json.loads((MODULES / package / "package.json").read_text("utf-8"))
    return str(told["version"])


def _commit(folder: Path) -> str:
    return _output("git", "-C", str(folder), "rev-parse", "--short", "HEAD")[:7]


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, check=True).stdout.decode()


def _site_packages() -> list[str]:
    return [str(path) for path in ENVIRONMENT.glob("lib/python*/site-packages")]
