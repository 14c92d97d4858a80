"""Find a distribution file in a Python package index (PEP 503 and PEP 691)."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from whispercpp_ws.errors import DownloadFailed
from whispercpp_ws.models.download import Downloader


logger = logging.getLogger(__name__)

DEFAULT_INDEX = "https://pypi.org/simple"
INDEX_VARIABLES = ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL")

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
ACCEPT = f"{JSON_TYPE}, text/html;q=0.5"

PIP_TIMEOUT_S = 20.0
"""`pip config` reads files only; a slow disk is the worst case."""

PAGE_TIMEOUT_S = 30.0


def configured_index(environment: Mapping[str, str] = os.environ) -> str:
    """Return the index that pip or uv would use on this machine."""
    for variable in INDEX_VARIABLES:
        if environment.get(variable):
            return environment[variable]
    return _pip_index() or DEFAULT_INDEX


def locate(
    downloader: Downloader, index: str, project: str, file_name: str, sha256: str
) -> str:
    """
    Return the address of one file of a project.

    Raises:
        DownloadFailed: the index cannot be read, or has no such file with that hash.
    """
    page = f"{index.rstrip('/')}/{project}/"
    content_type, body = downloader.page(page, accept=ACCEPT, timeout_s=PAGE_TIMEOUT_S)
    read = _links_of_json if content_type == JSON_TYPE else _links_of_html
    for name, href, found in read(body):
        if name == file_name and found in ("", sha256):
            return _with_login(page, urljoin(page, href))
    raise DownloadFailed(
        f"{urlsplit(page).hostname}: expected {file_name} with SHA-256 {sha256[:12]}… "
        f"in project {project}, found none"
    )


Link = tuple[str, str, str]
"""File name, address, SHA-256 or empty."""


def _links_of_json(body: bytes) -> list[Link]:
    try:
        files = json.loads(body)["files"]
        return [
            (file["filename"], file["url"], file.get("hashes", {}).get("sha256", ""))
            for file in files
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DownloadFailed(
            f"expected a PEP 691 index page, got something else ({error!r})"
        ) from error


def _links_of_html(body: bytes) -> list[Link]:
    parser = _AnchorParser()
    parser.feed(body.decode("utf-8", "replace"))
    links = []
    for href in parser.hrefs:
        address, fragment = urldefrag(href)
        name = unquote(urlsplit(address).path.rpartition("/")[2])
        links.append((name, address, fragment.removeprefix("sha256=")))
    return links


class _AnchorParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.hrefs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href")
        if tag == "a" and href:
            self.hrefs.append(href)


def _with_login(page: str, address: str) -> str:
    """Keep the index's login for files on the index's own host."""
    login, at, host = urlsplit(page).netloc.rpartition("@")
    parts = urlsplit(address)
    if at and parts.netloc == host:
        return parts._replace(netloc=f"{login}@{host}").geturl()
    return address


def _pip_index() -> str:
    command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=PIP_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        logger.info("pip's configuration cannot be read: %s", error)
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""
