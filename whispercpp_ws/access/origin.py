"""Decide which web pages may connect: RFC 6455 section 10.2, RFC 6454."""

from urllib.parse import urlsplit

from whispercpp_ws.errors import OriginRefused


def check_origin(origin: str | None, host: str, allowed: tuple[str, ...]) -> None:
    """
    Allow the server's own pages, and exactly those origins that are listed.

    `host` is the request's Host header. A missing Origin is allowed: only browsers
    must send it, and only they can be used against their owner. Scheme and host are
    compared without case, since both are case-insensitive; nothing else is.

    Raises:
        OriginRefused: the page is another site's, or a sandbox ("null").
    """
    if origin is None or _is_own(origin, host):
        return
    if origin.lower() in {entry.lower().rstrip("/") for entry in allowed}:
        return
    raise OriginRefused(
        f"origin {origin[:100]!r} may not connect; add it to the allowed origins",
        field="Origin",
    )


def _is_own(origin: str, host: str) -> bool:
    """Compare with the Host header; a proxy may have ended TLS, so not the scheme."""
    try:
        parts = urlsplit(origin.lower())
    except ValueError:
        return False
    own = f"{parts.scheme}://{host.lower()}"
    return parts.scheme in {"http", "https"} and origin.lower() == own
