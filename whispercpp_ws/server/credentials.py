"""Where clients of the dialects put their token."""

from dataclasses import dataclass

from aiohttp import hdrs, web

from whispercpp_ws.access.token import Grant
from whispercpp_ws.errors import BadMessage
from whispercpp_ws.server.keys import Shared


@dataclass(frozen=True, slots=True)
class Credentials:
    """The places one dialect's clients put a token in."""

    schemes: tuple[str, ...] = ("bearer",)
    """Schemes of the Authorization header, in lower case."""
    has_bare_header: bool = False
    """Whether that header may be the token alone."""
    subprotocols: tuple[str, ...] = ("bearer",)
    """What is selected when a client offers it first. Browsers fail without a
    selection, and aiohttp logs the whole offer, token included, when it knows none of
    it."""
    announcers: tuple[str, ...] = ("bearer",)
    """Subprotocols whose successor in the offer is the token."""
    prefix: str = "\0"
    """What an offered subprotocol begins with that has the token behind it."""
    parameter: str = ""
    """Field of the query that may hold the token; URLs are logged by proxies, so this
    is only for dialects whose browsers have no other place."""

    def grant(self, request: web.Request, shared: Shared) -> Grant | None:
        """
        Check a token of the request; None without one or when none is asked for.

        Raises:
            Unauthorized: the token is not valid.
            BadMessage: a subprotocol is offered first that is none of ours.
        """
        token = self._token(request)
        if token is None or not shared.tokens.is_required:
            return None
        return shared.tokens.check(token)

    def required_grant(self, request: web.Request, shared: Shared) -> Grant | None:
        """Check as `grant` does, and refuse a request without a token it needs."""
        if not shared.tokens.is_required:
            return self.grant(request, shared)
        return shared.tokens.check(self._token(request))

    def _token(self, request: web.Request) -> str | None:
        header = request.headers.get(hdrs.AUTHORIZATION, "")
        scheme, _, token = header.partition(" ")
        if scheme.lower() in self.schemes:
            return token.strip()
        if self.has_bare_header and header:
            return header
        offered = self._offered(_offered_subprotocols(request))
        return offered or request.query.get(self.parameter or "\0")

    def _offered(self, names: list[str]) -> str | None:
        if names and names[0] not in self.subprotocols:
            raise BadMessage(
                f"Sec-WebSocket-Protocol: expected none, or "
                f"{' or '.join(self.subprotocols)} first",
                field=hdrs.SEC_WEBSOCKET_PROTOCOL,
            )
        for name in names:
            if name.startswith(self.prefix):
                return name.removeprefix(self.prefix)
        is_announced = len(names) > 1 and names[0] in self.announcers
        return names[1] if is_announced else None


def _offered_subprotocols(request: web.Request) -> list[str]:
    offers = request.headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, [])
    names = [name.strip() for offer in offers for name in offer.split(",")]
    return [name for name in names if name]
