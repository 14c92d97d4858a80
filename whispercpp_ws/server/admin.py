"""Change the loaded models of a running server: for its own machine, or by a token."""

import hmac
from dataclasses import asdict

from aiohttp import hdrs, web

from whispercpp_ws.errors import ModelError, Unauthorized
from whispercpp_ws.server.decoder import Models
from whispercpp_ws.server.health import is_from_this_machine


class ModelAdmin:
    """The handlers under `/admin/models`."""

    def __init__(self, models: Models, *, token: str) -> None:
        """With no token only this machine is served."""
        self._models = models
        self._token = token

    def routes(self) -> list[web.RouteDef]:
        """Return where the handlers are."""
        return [
            web.get("/admin/models", self.show),
            web.post("/admin/models/{name}/{action}", self.change),
        ]

    async def show(self, request: web.Request) -> web.Response:
        """Answer what is loaded; raises Unauthorized."""
        self._check(request)
        return self._answer()

    async def change(self, request: web.Request) -> web.Response:
        """Load, use or unload a model, and answer what is loaded then."""
        self._check(request)
        name, action = request.match_info["name"], request.match_info["action"]
        if action == "load":
            await self._models.load(name)
        elif action == "use":
            await self._models.use(name)
        elif action == "unload":
            await self._models.unload(name)
        else:
            raise ModelError(f"expected load, use or unload, got {action[:40]!r}")
        return self._answer()

    def _answer(self) -> web.Response:
        models = [asdict(model) for model in self._models.loaded()]
        return web.json_response({"models": models})

    def _check(self, request: web.Request) -> None:
        check_admin(request, self._token)


def is_admin(request: web.Request, token: str) -> bool:
    """Tell whether a request may change models; with no token, this machine's may."""
    if not token:
        return is_from_this_machine(request)
    scheme, _, given = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    is_ours = hmac.compare_digest(given.strip().encode(), token.encode())
    return scheme.lower() == "bearer" and is_ours


def check_admin(request: web.Request, token: str) -> None:
    """Refuse whoever may not change models; raises Unauthorized."""
    if not is_admin(request, token):
        raise Unauthorized("models are changed from this machine, or by its token")
