"""The WebSocket dialects of other servers: what each is opened with."""

import time
from dataclasses import replace
from datetime import UTC, datetime

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from whispercpp_ws.config import LimitConfig
from whispercpp_ws.protocols import assemblyai, whisperlivekit
from whispercpp_ws.protocols.base import Dialect
from whispercpp_ws.protocols.deepgram import DeepgramDialect
from whispercpp_ws.protocols.deepgram_query import read_query
from whispercpp_ws.protocols.openai_realtime import MAX_MESSAGE_CHARS, RealtimeDialect
from whispercpp_ws.protocols.vosk import VoskDialect
from whispercpp_ws.protocols.vosk_results import VoskForm
from whispercpp_ws.server.credentials import Credentials
from whispercpp_ws.server.keys import REQUEST_ID, SHARED
from whispercpp_ws.server.refusals import answering, deepgram_error, openai_error
from whispercpp_ws.server.websocket import serve_dialect


# Asterisk offers the subprotocol "ws"; no Vosk client has a place for a token, but a
# proxy may add the header.
_VOSK = Credentials(subprotocols=("ws", "bearer"))
DEEPGRAM = Credentials(
    schemes=("token", "bearer"),
    subprotocols=("token", "bearer"),
    announcers=("token", "bearer"),
)
_ASSEMBLYAI = Credentials(has_bare_header=True, parameter="token")
_WHISPERLIVEKIT = Credentials(schemes=("bearer", "token"), parameter="token")
BETA_SUBPROTOCOL = "openai-beta.realtime-v1"
REALTIME = Credentials(
    subprotocols=("realtime", "bearer"), prefix="openai-insecure-api-key."
)
DEEPGRAM_IDLE_S = 10.0
"""Deepgram's own; its clients send KeepAlive every 3 to 5 s."""


async def serve_vosk(request: web.Request) -> web.StreamResponse:
    """Serve a client of vosk-server; raises what `serve_dialect` does."""
    shared = request.app[SHARED]
    config = shared.config.vosk
    form = VoskForm(keep_case=config.punctuation)
    dialect = VoskDialect(shared.defaults, config.rate, form)
    return await _serve(request, dialect, _VOSK, shared.config.limits)


@answering(deepgram_error)
async def serve_deepgram(request: web.Request) -> web.StreamResponse:
    """Serve a client of Deepgram's live interface; a bad query is refused here."""
    shared = request.app[SHARED]
    # Here and not at the first message: these clients expect a 401.
    DEEPGRAM.required_grant(request, shared)
    listen = read_query(query_of(request), shared.defaults)
    dialect = DeepgramDialect(listen, request[REQUEST_ID], datetime.now(UTC))
    limits = shared.config.limits
    idle_s = min(DEEPGRAM_IDLE_S, limits.idle_timeout_s)
    limits = replace(limits, idle_timeout_s=idle_s, start_timeout_s=idle_s)
    return await _serve(request, dialect, DEEPGRAM, limits)


def query_of(request: web.Request) -> dict[str, list[str]]:
    """Return every value of each parameter."""
    query = request.query
    return {name: query.getall(name) for name in query.keys()}


@answering(openai_error)
async def serve_realtime(request: web.Request) -> web.StreamResponse:
    """Serve a client of OpenAI's realtime transcription."""
    shared = request.app[SHARED]
    REALTIME.required_grant(request, shared)
    limits = shared.config.limits
    dialect = RealtimeDialect(
        shared.defaults,
        session_id=f"sess_{request[REQUEST_ID]}",
        expires_at=int(time.time()) + limits.max_session_s,
        is_beta=_is_beta(request),
    )
    limits = replace(
        limits,
        max_frame_bytes=max(limits.max_frame_bytes, MAX_MESSAGE_CHARS),
        # The first audio opens the session; until then a client may stay silent.
        start_timeout_s=limits.idle_timeout_s,
    )
    return await _serve(request, dialect, REALTIME, limits)


def _is_beta(request: web.Request) -> bool:
    offered = request.headers.get(hdrs.SEC_WEBSOCKET_PROTOCOL, "")
    header = request.headers.get("OpenAI-Beta", "")
    return "realtime=v1" in header or BETA_SUBPROTOCOL in offered


async def serve_whisperlivekit(request: web.Request) -> web.StreamResponse:
    """Serve a client of WhisperLiveKit; raises what `serve_dialect` does."""
    shared = request.app[SHARED]
    _WHISPERLIVEKIT.required_grant(request, shared)
    dialect = whisperlivekit.open_dialect(request.query, shared.defaults)
    return await _serve(request, dialect, _WHISPERLIVEKIT, shared.config.limits)


async def serve_assemblyai(request: web.Request) -> web.StreamResponse:
    """Serve a client of AssemblyAI's streaming; raises what `serve_dialect` does."""
    shared, began = request.app[SHARED], time.monotonic()
    _ASSEMBLYAI.required_grant(request, shared)
    limits = shared.config.limits
    dialect = assemblyai.open_dialect(query_of(request), shared.defaults)
    dialect.session_id = request[REQUEST_ID]
    dialect.expires_at = int(time.time()) + limits.max_session_s
    dialect.elapsed_s = lambda: time.monotonic() - began
    return await _serve(request, dialect, _ASSEMBLYAI, limits)


async def _serve(
    request: web.Request,
    dialect: Dialect,
    credentials: Credentials,
    limits: LimitConfig,
) -> web.StreamResponse:
    """Serve a dialect whose clients cannot take a session up again."""
    limits = replace(limits, resume_grace_s=0)
    return await serve_dialect(request, dialect, credentials, limits)


def vosk_or(answer: Handler) -> Handler:
    """Return a handler that serves Vosk to upgrade requests, and others by another."""

    async def serve(request: web.Request) -> web.StreamResponse:
        if request.headers.get(hdrs.UPGRADE, "").lower() == "websocket":
            return await serve_vosk(request)
        return await answer(request)

    return serve


async def find_nothing(_request: web.Request) -> web.StreamResponse:
    """Answer requests for what is not there."""
    raise web.HTTPNotFound
