"""The HTTP dialects: a file comes in a form, its text goes back."""

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import replace

from aiohttp import hdrs, web

from whispercpp_ws.errors import BadMessage, ModelNotInCatalog, SpeechError
from whispercpp_ws.models import catalog
from whispercpp_ws.protocols import openai_rest, whispercpp_http
from whispercpp_ws.protocols.recording import Body
from whispercpp_ws.server.admin import check_admin, is_admin
from whispercpp_ws.server.credentials import Credentials
from whispercpp_ws.server.entry import admitted
from whispercpp_ws.server.keys import REQUEST_ID, SHARED, Shared
from whispercpp_ws.server.negotiate import check_model, is_named
from whispercpp_ws.server.pump import Log
from whispercpp_ws.server.refusals import answering, openai_error, whispercpp_error
from whispercpp_ws.server.transcription import (
    FileTranscription,
    Part,
    open_upload,
    transcribed,
)
from whispercpp_ws.server.upload import Upload, uploaded


_LOGGER = logging.getLogger(__name__)
_BEARER = Credentials()


class Uploading:
    """A request that a drain waits for; it ends by itself."""

    def drain(self) -> None:
        """Do nothing: the end of the file is the end of the work."""


# whisper.cpp


@answering(whispercpp_error)
async def infer(request: web.Request) -> web.StreamResponse:
    """Answer `/inference`."""
    async with _received(request) as (upload, shared):
        asked = whispercpp_http.read_form(upload.fields, shared.defaults)
        part = Part(asked.offset_s, asked.duration_s)
        with open_upload(upload.file()) as file:
            work = FileTranscription(file, asked.options, shared, log_of(request))
            heard = await transcribed(work, part)
            # The original tells the length of the file, not of the part.
            recording = replace(heard, seconds=file.seconds)
        return written(whispercpp_http.write_body(recording, asked))


async def allow_posts(_request: web.Request) -> web.Response:
    """Answer a browser's question before it posts (CORS); pages are checked before."""
    return web.Response(
        headers={hdrs.ACCESS_CONTROL_ALLOW_HEADERS: "content-type, authorization"}
    )


@answering(whispercpp_error)
async def load(request: web.Request) -> web.StreamResponse:
    """
    Answer `/load`: make a model of the catalogue the default, as `models use` does.

    Whoever may not change models may still ask for the one that is the default.
    """
    key = request.app[SHARED].config.tokens.admin_key
    credentials = None if is_admin(request, key) else _BEARER
    async with _received(request, credentials) as (upload, shared):
        name = upload.fields.get("model", [""])[-1]
        if not name:
            raise BadMessage("no 'model' field in the request", field="model")
        _check_known(name)
        if shared.models is None:
            check_model(name, shared.decoder.info)
        elif not is_named(name, shared.decoder.info):
            check_admin(request, key)
            await shared.models.use(name)
    return web.Response(text="Load was successful!", content_type="application/text")


async def show_health(request: web.Request) -> web.Response:
    """Answer `/health` as whisper.cpp's server does."""
    is_draining = request.app[SHARED].is_draining
    body = {"status": "shutting down" if is_draining else "ok"}
    return web.json_response(body, status=503 if is_draining else 200)


def _check_known(name: str) -> None:
    try:
        catalog.find(name)
    except ModelNotInCatalog:
        raise BadMessage("model not found!", field="model") from None


# OpenAI


@answering(openai_error)
async def transcribe(request: web.Request) -> web.StreamResponse:
    """Answer `/v1/audio/transcriptions`."""
    return await _openai(request, translate=False)


@answering(openai_error)
async def translate(request: web.Request) -> web.StreamResponse:
    """Answer `/v1/audio/translations`."""
    return await _openai(request, translate=True)


@answering(openai_error)
async def list_models(request: web.Request) -> web.StreamResponse:
    """Answer `/v1/models`."""
    shared = request.app[SHARED]
    _BEARER.required_grant(request, shared)
    body = openai_rest.models_body([shared.decoder.info.model])
    return web.Response(text=body, content_type="application/json")


async def _openai(request: web.Request, *, translate: bool) -> web.StreamResponse:
    async with _received(request) as (upload, shared):
        ask = openai_rest.read_form(upload.fields, shared.defaults, translate=translate)
        with open_upload(upload.file()) as file:
            work = FileTranscription(file, ask.options, shared, log_of(request))
            if ask.is_streamed:
                return await _stream(request, work)
            recording = await transcribed(work)
        return written(openai_rest.write_body(recording, ask))


async def _stream(request: web.Request, work: FileTranscription) -> web.StreamResponse:
    response = web.StreamResponse(
        headers={hdrs.CONTENT_TYPE: "text/event-stream", "Cache-Control": "no-store"}
    )
    await response.prepare(request)
    events = openai_rest.EventStream()
    try:
        async with aclosing(work.finals()) as finals:
            async for final in finals:
                await response.write(events.delta(final).encode())
        last = events.done()
    except SpeechError as error:
        last = events.failed(error)
    await response.write(last.encode())
    await response.write_eof()
    return response


# Both


@asynccontextmanager
async def _received(
    request: web.Request, credentials: Credentials | None = _BEARER
) -> AsyncIterator[tuple[Upload, Shared]]:
    """Check the token, where one is asked for, count the request, read its form."""
    if credentials is not None:
        credentials.required_grant(request, request.app[SHARED])
    with taken_in(request) as shared:
        limit = shared.config.limits.max_upload_bytes
        async with uploaded(request, max_bytes=limit) as upload:
            yield upload, shared


@contextmanager
def taken_in(request: web.Request) -> Iterator[Shared]:
    """Count a request that a drain waits for; raises Overloaded or Draining."""
    shared, work = request.app[SHARED], Uploading()
    with admitted(shared):
        shared.enter(work)
        try:
            yield shared
        finally:
            shared.leave(work)


def log_of(request: web.Request) -> Log:
    """Return a log whose lines carry the request's name."""
    return Log(_LOGGER, {"request_id": request[REQUEST_ID]})


def written(body: Body) -> web.Response:
    """Return a body as a response."""
    is_text = body.content_type in {"text/html", "text/plain"}
    return web.Response(
        body=body.text.encode(),
        content_type=body.content_type,
        # As the originals: JSON and captions are UTF-8 without being told.
        charset="utf-8" if is_text else None,
    )


ROUTES = (
    web.post("/inference", infer),
    web.options("/inference", allow_posts),
    web.options("/v1/audio/transcriptions", allow_posts),
    web.post("/load", load),
    web.get("/health", show_health),
    web.post("/v1/audio/transcriptions", transcribe),
    web.post("/v1/audio/translations", translate),
    web.get("/v1/models", list_models),
)
