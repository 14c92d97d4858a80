"""What holds for every request: a name, the origin check, headers, error responses."""

import secrets

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from whispercpp_ws.access.origin import check_origin
from whispercpp_ws.errors import SpeechError
from whispercpp_ws.server.keys import REQUEST_ID, SHARED


SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Server": "whispercpp-ws",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""OWASP secure headers, and no version numbers. The pages need their own files and
the microphone and nothing else: no inline code, no `blob:` (an AudioWorklet is a file,
a download is a link and no fetch), and 'self' covers a WebSocket of the same host."""


@web.middleware
async def name_request(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give each request a random name that responses, error frames and logs share."""
    request[REQUEST_ID] = secrets.token_hex(8)
    return await handler(request)


@web.middleware
async def refuse_origins(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse pages of other sites; raises OriginRefused."""
    allowed = request.app[SHARED].config.listen.allowed_origins
    check_origin(request.headers.get(hdrs.ORIGIN), request.host, allowed)
    return await handler(request)


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn an error of ours into its HTTP status and a JSON body."""
    try:
        return await handler(request)
    except SpeechError as error:
        request.app[SHARED].metrics.refused.labels(error.code).inc()
        return error_response(error, request[REQUEST_ID])


def error_response(error: SpeechError, request_id: str) -> web.Response:
    """Return the response that an error is."""
    headers = {hdrs.RETRY_AFTER: str(error.retry_s)} if error.retryable else {}
    if error.http_status == web.HTTPUnauthorized.status_code:
        headers[hdrs.WWW_AUTHENTICATE] = "Bearer"
    body = {
        "code": error.code,
        "message": str(error),
        "retryable": error.retryable,
        "request_id": request_id,
    }
    return web.json_response({"error": body}, status=error.http_status, headers=headers)


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers that every response has, the upgrade's too."""
    response.headers.update(SECURITY_HEADERS)
    response.headers["X-Request-Id"] = request.get(REQUEST_ID, "")
    origin = request.headers.get(hdrs.ORIGIN)
    if origin and response.status != web.HTTPForbidden.status_code:
        # A page that may connect may read the answers too.
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
        response.headers[hdrs.VARY] = hdrs.ORIGIN
