"""Secrets of OpenAI's realtime interface: short-lived tokens that a page may have."""

import secrets
import time
from dataclasses import dataclass

from aiohttp import web

from whispercpp_ws.protocols.fields import Fields
from whispercpp_ws.protocols.json_object import JsonObject, parse_json_object
from whispercpp_ws.protocols.openai_realtime_session import (
    FRESH,
    beta_session_body,
    patched,
    patched_by_beta,
    session_body,
)
from whispercpp_ws.server.dialects import REALTIME
from whispercpp_ws.server.keys import REQUEST_ID, SHARED
from whispercpp_ws.server.refusals import answering, openai_error


LIFETIME_S = 600
"""OpenAI's default for `expires_after`."""
MIN_LIFETIME_S, MAX_LIFETIME_S = 10, 7200
"""OpenAI's range of it."""


@dataclass(frozen=True, slots=True)
class Secret:
    """What opens the socket, until `expires_at` (Unix time)."""

    value: str
    expires_at: int

    @property
    def body(self) -> JsonObject:
        """Write it."""
        return {"value": self.value, "expires_at": self.expires_at}


@answering(openai_error)
async def create_secret(request: web.Request) -> web.StreamResponse:
    """Answer `/v1/realtime/client_secrets`; the session in it is told, not kept."""
    asked = await _asked(request)
    # Absent and null differ in a patch, so an absent session is an empty one.
    session = patched(FRESH, asked.get("session", {}))
    after = asked.get("expires_after")
    fields = Fields(after if isinstance(after, dict) else {})
    lifetime_s = fields.whole(
        "seconds", LIFETIME_S, low=MIN_LIFETIME_S, high=MAX_LIFETIME_S
    )
    secret = _made(request, lifetime_s)
    told = session_body(session, _name(request), secret.expires_at)
    return web.json_response(secret.body | {"session": told})


@answering(openai_error)
async def create_beta_secret(request: web.Request) -> web.StreamResponse:
    """Answer `/v1/realtime/transcription_sessions`, the beta's."""
    session = patched_by_beta(FRESH, await _asked(request))
    secret = _made(request, LIFETIME_S)
    told = beta_session_body(session, _name(request), secret.expires_at)
    return web.json_response(told | {"client_secret": secret.body})


async def _asked(request: web.Request) -> JsonObject:
    REALTIME.required_grant(request, request.app[SHARED])
    return parse_json_object(await request.text() or "{}")


def _made(request: web.Request, lifetime_s: int) -> Secret:
    """Sign a token; where none is asked for, any value is let in."""
    shared = request.app[SHARED]
    grant = REALTIME.required_grant(request, shared)
    if grant is None:
        expires_at = int(time.time()) + lifetime_s
        return Secret(f"ek_{secrets.token_urlsafe(24)}", expires_at)
    return Secret(*shared.tokens.issue(grant, lifetime_s))


def _name(request: web.Request) -> str:
    return f"sess_{request[REQUEST_ID]}"
