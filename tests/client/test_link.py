"""Servers may be named in short."""

import pytest

from whispercpp_ws.client.link import HttpConnector, full_url, retry_after_s


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("ws://host:2700", "ws://host:2700/stt"),
        ("ws://host:2700/", "ws://host:2700/stt"),
        ("wss://host?x=1", "wss://host/stt?x=1"),
        ("ws://host/speech/stt", "ws://host/speech/stt"),
        ("host:2700", "host:2700"),
    ],
)
def test_an_address_without_a_path_is_that_of_the_dialect(given: str, url: str) -> None:
    assert full_url(given) == url


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("5", 5), ("", 0), ("-1", 0), ("٣", 0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0)],
)
def test_seconds_of_a_retry_after_are_read(header: str, seconds: int) -> None:
    assert retry_after_s(header) == seconds


async def test_what_was_never_opened_can_be_closed() -> None:
    await HttpConnector().close()
