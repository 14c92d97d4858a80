"""The page's modules that need no browser, on Node's test runner if it is there."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from whispercpp_ws.server.app import WEB_FILES


MODULES = Path(__file__).parent / "modules"
WEB = Path(__file__).parents[2] / "whispercpp_ws" / "web"
OLDEST_NODE = 20
MOST_BYTES = 60_000
"""Of both pages and all they load, as they are sent, without compression."""


def node_is_new_enough() -> bool:
    node = shutil.which("node")
    if node is None:
        return False
    version = subprocess.run([node, "--version"], capture_output=True, text=True)
    found = re.match(r"v(\d+)", version.stdout)
    return found is not None and int(found[1]) >= OLDEST_NODE


@pytest.mark.skipif(not node_is_new_enough(), reason=f"no Node {OLDEST_NODE} or newer")
def test_the_modules_pass_their_own_tests() -> None:
    files = sorted(map(str, MODULES.glob("*.test.mjs")))
    assert files
    run = subprocess.run(["node", "--test", *files], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout


def test_every_text_of_the_pages_has_a_message() -> None:
    messages = (WEB / "messages.js").read_text(encoding="utf-8")
    known = set(re.findall(r"^\s+(\w+): \[", messages, re.MULTILINE))
    wanted = set()
    for page in WEB.glob("*.html"):
        text = page.read_text(encoding="utf-8")
        wanted |= set(re.findall(r'data-(?:t|label)="(\w+)"', text))
    for module in WEB.glob("*.js"):
        text = module.read_text(encoding="utf-8")
        wanted |= set(re.findall(r'\b(?:t\(|write\("[\w-]+", )"(\w+)"', text))
        wanted |= set(re.findall(r'show(?:Problem|Note|State)\("(\w+)"', text))
    assert wanted
    assert wanted <= known


def test_all_that_is_served_is_small() -> None:
    names = {*WEB_FILES, "index.html", "status.html"}
    not_served = {"README.md", "client.d.ts", "package.json"}
    assert {path.name for path in WEB.iterdir()} == names | not_served
    assert sum((WEB / name).stat().st_size for name in names) < MOST_BYTES
