"""The WebSocket dialects of other servers: what each is opened with."""

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from whispercpp_ws.protocols.vosk import VoskDialect
from whispercpp_ws.protocols.vosk_results import VoskForm
from whispercpp_ws.server.credentials import Credentials
from whispercpp_ws.server.keys import SHARED
from whispercpp_ws.server.websocket import serve_dialect


# Asterisk offers the subprotocol "ws"; no Vosk client has a place for a token, but a
# proxy may add the header.
_VOSK = Credentials(subprotocols=("ws", "bearer"))


async def serve_vosk(request: web.Request) -> web.StreamResponse:
    """Serve a client of vosk-server; raises what `serve_dialect` does."""
    shared = request.app[SHARED]
    config = shared.config.vosk
    form = VoskForm(keep_case=config.punctuation)
    dialect = VoskDialect(shared.defaults, config.rate, form)
    return await serve_dialect(request, dialect, _VOSK)


def page_or_vosk(send_page: Handler) -> Handler:
    """Return a handler that serves Vosk to upgrade requests and a page to others."""

    async def serve(request: web.Request) -> web.StreamResponse:
        if request.headers.get(hdrs.UPGRADE, "").lower() == "websocket":
            return await serve_vosk(request)
        return await send_page(request)

    return serve
