"""The benchmark of idle connections, with a few of them and no model."""

import json

import pytest

from scripts.bench import idle


def test_idle_connections_are_weighed_and_pinged(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle, "SETTLE_S", 0.1)
    flags = ["--connections", "60", "--uploads", "1", "--pings", "3", "--model", ""]
    assert idle.main(flags) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["connections"], report["pings"], report["busy_uploads"]) == (
        60,
        3,
        1,
    )
    assert 0 < report["ping_p50_ms"] <= report["ping_p95_ms"] <= report["ping_max_ms"]


def test_a_server_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError, match="did not start"):
        idle.main(["--model", "no-such-model"])
