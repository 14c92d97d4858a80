"""Make the web application: its routes, and what they share."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from importlib.resources import files
from pathlib import Path

from aiohttp import web

from whispercpp_ws.access.limits import ConnectionCount
from whispercpp_ws.access.listen import check_listen
from whispercpp_ws.access.token import TokenChecker
from whispercpp_ws.config import Config
from whispercpp_ws.events import SessionOptions
from whispercpp_ws.metrics import Metrics
from whispercpp_ws.scheduler.load import Unloaded
from whispercpp_ws.server.about import show_about
from whispercpp_ws.server.admin import ModelAdmin
from whispercpp_ws.server.announce import announced
from whispercpp_ws.server.client_secrets import create_beta_secret, create_secret
from whispercpp_ws.server.decoder import Decoder, Models
from whispercpp_ws.server.deepgram_file import serve_deepgram_file
from whispercpp_ws.server.dialects import (
    find_nothing,
    serve_assemblyai,
    serve_deepgram,
    serve_realtime,
    serve_whisperlivekit,
    vosk_or,
)
from whispercpp_ws.server.health import show_live, show_metrics, show_ready
from whispercpp_ws.server.keys import SHARED, Shared
from whispercpp_ws.server.middleware import (
    add_headers,
    answer_errors,
    name_request,
    refuse_origins,
)
from whispercpp_ws.server.rest import ROUTES
from whispercpp_ws.server.resume import SessionRegistry
from whispercpp_ws.server.shedding import Load
from whispercpp_ws.server.websocket import serve_native
from whispercpp_ws.server.whisperlive import whisperlive_listening
from whispercpp_ws.server.wyoming import wyoming_listening
from whispercpp_ws.session.session import Session
from whispercpp_ws.session.tuning import Tuning


WEB_FILES = (
    "client.js",
    "icon.svg",
    "messages.js",
    "metrics.js",
    "page.js",
    "pcm-worklet.js",
    "rebase.js",
    "sound.js",
    "status.js",
    "style.css",
    "transcript.js",
    "view.js",
)
"""Files of the two pages, named one by one: nothing else can be asked for."""


def create_app(
    config: Config,
    decoder: Decoder,
    metrics: Metrics,
    *,
    load: Load | None = None,
    models: Models | None = None,
    now: Callable[[], float] = time.time,
) -> web.Application:
    """
    Make the application that serves one decoder.

    `load` says who may come in and what is given up under overload; without it
    everybody may, and nothing is. `models` are those that may be loaded and let go
    under `/admin/models`; they belong to the decoder. `now` is the Unix time that
    tokens are checked against. The decoder stays the caller's, who closes it after the
    application.

    Raises:
        ConfigError: the token key is unusable, or strangers could connect.
    """
    check_listen(config.listen, config.tokens)
    app = web.Application(middlewares=[name_request, answer_errors, refuse_origins])
    app[SHARED] = Shared(
        config=config,
        decoder=decoder,
        metrics=metrics,
        tokens=TokenChecker(config.tokens, now=now),
        open_session=session_opener(config),
        count=ConnectionCount(config.limits.max_connections),
        load=load or Unloaded(),
        models=models,
        sessions=SessionRegistry(config.limits, metrics),
    )
    app.on_cleanup.append(_drop_sessions)
    app.on_response_prepare.append(add_headers)
    app.add_routes(_routes())
    if config.listen.wyoming_port:
        app.cleanup_ctx.append(_wyoming)
    if config.listen.whisperlive_port:
        app.cleanup_ctx.append(_whisperlive)
    if models is not None:
        app.add_routes(ModelAdmin(models, token=config.tokens.admin_key).routes())
    return app


def session_opener(config: Config) -> Callable[[SessionOptions], Session]:
    """Return what makes a session with the configured tuning."""
    tuning = Tuning(
        step_ms=config.streaming.step_ms,
        max_utterance_s=config.streaming.max_utterance_s,
    )
    return lambda options: Session(options, tuning)


async def _drop_sessions(app: web.Application) -> None:
    await app[SHARED].sessions.aclose()


async def _wyoming(app: web.Application) -> AsyncIterator[None]:
    listen = app[SHARED].config.listen
    name = listen.wyoming_name
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(
            wyoming_listening(app[SHARED], listen.host, listen.wyoming_port)
        )
        if name:
            await stack.enter_async_context(announced(name, listen.host, port))
        yield


async def _whisperlive(app: web.Application) -> AsyncIterator[None]:
    async with whisperlive_listening(app[SHARED], app[SHARED].config.listen):
        yield


def _routes() -> list[web.RouteDef]:
    fixed = [
        web.get("/stt", serve_native),
        web.get("/v1/listen", serve_deepgram),
        web.post("/v1/listen", serve_deepgram_file),
        web.get("/v1/realtime", serve_realtime),
        web.post("/v1/realtime/client_secrets", create_secret),
        web.post("/v1/realtime/transcription_sessions", create_beta_secret),
        web.get("/asr", serve_whisperlivekit),
        web.get("/v3/ws", serve_assemblyai),
        *ROUTES,
        web.get("/health/live", show_live),
        web.get("/health/ready", show_ready),
        web.get("/metrics", show_metrics),
        web.get("/about", show_about),
        web.get("/status", _file_handler("status.html")),
        web.get("/", vosk_or(_file_handler("index.html"))),
    ]
    pages = [web.get(f"/{name}", _file_handler(name)) for name in WEB_FILES]
    # vosk-server takes no notice of the path, and its clients are given others.
    return [*fixed, *pages, web.get("/{path:.+}", vosk_or(find_nothing))]


def _file_handler(name: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    path = Path(str(files("whispercpp_ws") / "web" / name))

    async def send_file(_request: web.Request) -> web.StreamResponse:
        return web.FileResponse(path, headers={"Cache-Control": "no-cache"})

    return send_file
