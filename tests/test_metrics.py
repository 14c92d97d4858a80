"""What is counted."""

from whispercpp_ws.metrics import CONTENT_TYPE, Metrics


def test_values_are_shown_under_the_packages_name() -> None:
    metrics = Metrics()
    metrics.connections.set(3)
    metrics.errors.labels("bad_json").inc()
    metrics.decode_s.labels("final").observe(0.4)
    text = metrics.exposition().decode()
    assert "whispercpp_ws_connections 3.0" in text
    assert 'whispercpp_ws_errors_total{code="bad_json"} 1.0' in text
    assert 'whispercpp_ws_decode_seconds_count{priority="final"} 1.0' in text


def test_two_servers_share_nothing() -> None:
    first, second = Metrics(), Metrics()
    first.audio_s.inc(5)
    assert b"whispercpp_ws_audio_seconds_total 0.0" in second.exposition()


def test_the_type_is_prometheus_text() -> None:
    assert CONTENT_TYPE.startswith("text/plain")
