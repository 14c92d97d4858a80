"""
Write down which clients of other servers were tried, and what came of it.

A test says what it proves with `@proves(dialect, feature, package)`. `make
compatibility` runs them and writes what passed to `compatibility.json`, of which
README's table is made. What is not tried, for want of a client or in a run of some
tests only, stays as it was found last, with the version it was found with.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from tests.e2e.foreign import client_version


RESULTS = Path(__file__).parent / "compatibility.json"


@dataclass(frozen=True, order=True)
class Proof:
    """A feature of a dialect that a client used with success, or without."""

    dialect: str
    client: str
    version: str
    feature: str
    works: bool


def proves(dialect: str, feature: str, package: str) -> pytest.MarkDecorator:
    """Mark a test that drives the server with a package's own client."""
    return pytest.mark.proves(dialect, feature, package)


Key = tuple[str, str, str]
"""Dialect, client and feature."""


class Recorder:
    """A pytest plugin: one proof for each feature, of all tests that prove it."""

    def __init__(self) -> None:
        self._works: dict[Key, bool] = {}
        self._skipped: set[Key] = set()

    @property
    def works(self) -> dict[Key, bool]:
        """What was tried whole; a skipped test leaves its feature untried."""
        return {k: works for k, works in self._works.items() if k not in self._skipped}

    def note(self, key: Key, when: str, outcome: str) -> None:
        """Note how a phase of a test went; a skipped one has a teardown that passes."""
        if outcome == "skipped":
            self._skipped.add(key)
        elif outcome == "failed" or when == "call":
            self._works[key] = self._works.get(key, True) and outcome == "passed"

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> object:
        """Note the outcome of each phase of a test."""
        outcome = yield
        report = outcome.get_result()  # type: ignore[attr-defined]
        for marker in item.iter_markers("proves"):
            dialect, feature, package = marker.args
            self.note((dialect, package, feature), report.when, report.outcome)

    def pytest_sessionfinish(self) -> None:
        """Write the file, in an order that does not change."""
        tried = {
            (dialect, package, feature): Proof(
                dialect, package, client_version(package), feature, works
            )
            for (dialect, package, feature), works in self.works.items()
        }
        earlier = {(p.dialect, p.client, p.feature): p for p in recorded()}
        proofs = sorted((earlier | tried).values())
        lines = ",\n".join(json.dumps(asdict(proof)) for proof in proofs)
        RESULTS.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def recorded() -> list[Proof]:
    """Return what was written down last."""
    return [Proof(**entry) for entry in json.loads(RESULTS.read_text("utf-8"))]


def compatibility_table() -> str:
    """Return README's table of what was tried."""
    rows = [
        f"| {p.dialect} | `{p.client}` {p.version} | {p.feature} "
        f"| {'yes' if p.works else 'no'} |"
        for p in recorded()
    ]
    return "\n".join(
        ["| Protocol | Client | Feature | Works |", "|---|---|---|---|", *rows]
    )
