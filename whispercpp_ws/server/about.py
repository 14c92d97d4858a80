"""What the page fills its pickers from, and why it could not start a session."""

from aiohttp import web

from whispercpp_ws.errors import Draining, Overloaded, Unauthorized
from whispercpp_ws.protocols.json_object import JsonObject
from whispercpp_ws.server.credentials import Credentials
from whispercpp_ws.server.entry import admitted
from whispercpp_ws.server.keys import SHARED, Shared


_BEARER = Credentials()


async def show_about(request: web.Request) -> web.Response:
    """Answer what can be asked for; strangers learn only that a token is needed."""
    shared = request.app[SHARED]
    body: JsonObject = {"needs_token": shared.tokens.is_required}
    try:
        _BEARER.required_grant(request, shared)
    except Unauthorized:
        return _response(body)
    return _response(body | _offer(shared))


def _offer(shared: Shared) -> JsonObject:
    return {
        "model": shared.decoder.info.model,
        "lang": shared.defaults.language,
        "models": [
            {"name": name, "languages": list(shared.info_for(name).languages)}
            for name in _model_names(shared)
        ],
        "refusal": _refusal(shared),
    }


def _model_names(shared: Shared) -> list[str]:
    if shared.models is None:
        return [shared.decoder.info.model]
    return [model.name for model in shared.models.loaded()]


def _refusal(shared: Shared) -> str:
    """Say by which error a session would be refused now: pages see no HTTP status."""
    try:
        with admitted(shared):
            return ""
    except (Overloaded, Draining) as error:
        return error.code


def _response(body: JsonObject) -> web.Response:
    return web.json_response(body, headers={"Cache-Control": "no-store"})
