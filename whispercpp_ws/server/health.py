"""What monitoring asks: is the process alive, does it take sessions, its numbers."""

import asyncio

from aiohttp import hdrs, web

from whispercpp_ws.access.listen import is_loopback
from whispercpp_ws.metrics import CONTENT_TYPE
from whispercpp_ws.server.keys import SHARED


async def show_live(_request: web.Request) -> web.Response:
    """Answer 200 as long as the event loop runs."""
    return web.json_response({"status": "live"})


async def show_ready(request: web.Request) -> web.Response:
    """Answer 200 while new sessions are taken, and 503 from the start of a drain."""
    shared = request.app[SHARED]
    if shared.is_draining:
        return web.json_response({"status": "draining"}, status=503)
    state = {"status": "ready", "model": shared.decoder.info.model}
    if shared.decoder.partial_info is not None:
        state["partial_model"] = shared.decoder.partial_info.model
    return web.json_response(state)


def is_from_this_machine(request: web.Request) -> bool:
    """Tell whether a request was made here, and not through a proxy for others."""
    is_forwarded = hdrs.X_FORWARDED_FOR in request.headers
    return is_loopback(request.remote or "") and not is_forwarded


async def show_metrics(request: web.Request) -> web.Response:
    """Answer this machine only: the numbers tell strangers how busy it is."""
    if not is_from_this_machine(request):
        raise web.HTTPForbidden(text="metrics are shown to this machine only\n")
    metrics = request.app[SHARED].metrics
    metrics.tasks.set(len(asyncio.all_tasks()))
    body = metrics.exposition()
    return web.Response(body=body, headers={hdrs.CONTENT_TYPE: CONTENT_TYPE})
