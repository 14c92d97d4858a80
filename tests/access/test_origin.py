"""Which pages may connect."""

import pytest

from whispercpp_ws.access.origin import check_origin
from whispercpp_ws.errors import OriginRefused


HOST = "stt.example:2700"
ALLOWED = ("https://app.example", "http://localhost:5173/")


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "http://stt.example:2700",
        "https://stt.example:2700",
        "HTTPS://STT.example:2700",
        "https://app.example",
        "https://APP.example",
        "http://localhost:5173",
    ],
)
def test_own_listed_and_no_pages_may_connect(origin: str | None) -> None:
    check_origin(origin, HOST, ALLOWED)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "https://evil.example",
        "http://app.example",
        "https://app.example:444",
        "https://app.example.evil.example",
        "https://sub.app.example",
        "https://sub.stt.example:2700",
        "http://stt.example",
        "http://stt.example:2700/",
        "http://stt.example:2700@evil.example",
        "ftp://stt.example:2700",
        "file://",
        "http://[",
        "https://app.example, https://evil.example",
        "x" * 10_000,
    ],
)
def test_any_other_page_is_refused(origin: str) -> None:
    with pytest.raises(OriginRefused) as refused:
        check_origin(origin, HOST, ALLOWED)
    assert len(str(refused.value)) < 200


def test_null_is_refused_even_as_a_host() -> None:
    with pytest.raises(OriginRefused):
        check_origin("null", "null", ())
