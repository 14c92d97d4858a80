"""Answer Deepgram's `POST /v1/listen`: the body is a file, the query is its options."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from whispercpp_ws.errors import BadMessage
from whispercpp_ws.protocols.deepgram_file import (
    Request,
    read_file_query,
    write_file_body,
)
from whispercpp_ws.server.dialects import DEEPGRAM, query_of
from whispercpp_ws.server.keys import REQUEST_ID, SHARED
from whispercpp_ws.server.refusals import answering, deepgram_error
from whispercpp_ws.server.rest import log_of, taken_in, written
from whispercpp_ws.server.transcription import (
    FileTranscription,
    open_upload,
    transcribed,
)
from whispercpp_ws.server.upload import saved_body


@answering(deepgram_error)
async def serve_deepgram_file(request: web.Request) -> web.StreamResponse:
    """Answer with the text of the file that is posted."""
    shared = request.app[SHARED]
    DEEPGRAM.required_grant(request, shared)
    asked = read_file_query(query_of(request), shared.defaults)
    if request.content_type == "application/json":
        # A server that fetches what strangers name reaches what they cannot.
        raise BadMessage.expected("url", "the file itself as the body", "a URL")
    created = datetime.now(UTC).isoformat(timespec="milliseconds")[:23] + "Z"
    with taken_in(request):
        limit = shared.config.limits.max_upload_bytes
        async with saved_body(request, max_bytes=limit) as path:
            with open_upload(path) as file:
                work = FileTranscription(file, asked.options, shared, log_of(request))
                heard = await transcribed(work)
                recording = replace(heard, seconds=file.seconds)
            told = Request(
                request[REQUEST_ID], created, _sha256(path), shared.decoder.info.model
            )
    return written(write_file_body(recording, asked, told))


def _sha256(path: Path) -> str:
    # 25 MB take 15 ms with the instructions that x86-64 and ARM have for it.
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
