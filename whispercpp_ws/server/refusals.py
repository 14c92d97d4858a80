"""Answer errors of HTTP requests, and of upgrades, in the form of each dialect."""

from collections.abc import Callable

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from whispercpp_ws.errors import SpeechError
from whispercpp_ws.protocols import deepgram_query, openai_rest, whispercpp_http
from whispercpp_ws.server.keys import REQUEST_ID, SHARED


NO_RETRY = {"x-should-retry": "false"}
"""OpenAI's clients upload the file again after most errors unless they are told."""

WriteError = Callable[[SpeechError, web.Request], web.Response]


def answering(write_error: WriteError) -> Callable[[Handler], Handler]:
    """Return a decorator that answers errors in the form of a dialect."""

    def decorate(handler: Handler) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except SpeechError as error:
                request.app[SHARED].metrics.refused.labels(error.code).inc()
                return write_error(error, request)

        return answer

    return decorate


def whispercpp_error(error: SpeechError, _request: web.Request) -> web.Response:
    """Answer as whisper.cpp's server would if it did not overwrite its errors."""
    return _json(whispercpp_http.error_body(str(error)), error, {})


def openai_error(error: SpeechError, _request: web.Request) -> web.Response:
    """Answer in OpenAI's form."""
    return _json(openai_rest.error_body(error), error, _retry(error) or NO_RETRY)


def deepgram_error(error: SpeechError, request: web.Request) -> web.Response:
    """Answer in Deepgram's form, with the headers its clients show."""
    name = request[REQUEST_ID]
    headers = {"dg-request-id": name, "dg-error": error.code} | _retry(error)
    return _json(deepgram_query.error_body(error, name), error, headers)


def _retry(error: SpeechError) -> dict[str, str]:
    return {hdrs.RETRY_AFTER: str(error.retry_s)} if error.retryable else {}


def _json(text: str, error: SpeechError, headers: dict[str, str]) -> web.Response:
    return web.Response(
        text=text,
        status=error.http_status,
        content_type="application/json",
        headers=headers,
    )
