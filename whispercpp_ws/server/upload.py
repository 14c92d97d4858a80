"""Stream a form to disk: its file to a temporary one, its fields to a dictionary."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import BodyPartReader, web

from whispercpp_ws.errors import (
    BadMessage,
    SessionIdle,
    SpeechError,
    UploadNotKept,
    UploadTooLarge,
)


MAX_FIELDS = 100
"""Fields of a form; whisper.cpp's server knows some forty."""
MAX_FIELD_BYTES = 65_536
"""Bytes of a text field; the longest prompt that has any effect is a tenth."""
CHUNK_BYTES = 1 << 16
UPLOAD_TIMEOUT_S = 600.0
"""How long a form may take to come; whisper.cpp's server waits as long to read."""


@dataclass(slots=True)
class Upload:
    """A form that has been read."""

    path: Path
    """Where the file is, if there is one."""
    fields: dict[str, list[str]] = field(default_factory=dict)
    has_file: bool = False

    def file(self) -> Path:
        """Return the file's path; raises BadMessage when the form has none."""
        if not self.has_file:
            raise BadMessage("no 'file' field in the request", field="file")
        return self.path


@asynccontextmanager
async def uploaded(
    request: web.Request, *, max_bytes: int, timeout_s: float = UPLOAD_TIMEOUT_S
) -> AsyncIterator[Upload]:
    """
    Read a form, in any order of its parts; the file lives as long as the block.

    Raises:
        BadMessage: the body is no form, or not all of it comes.
        UploadTooLarge: a part is over its limit.
        SessionIdle: it takes too long to come.
        UploadNotKept: the disk is full.
    """
    if request.content_type != "multipart/form-data":
        raise BadMessage.expected(
            "Content-Type", "multipart/form-data", request.content_type
        )
    with _folder() as folder:
        upload = Upload(folder / "upload")
        try:
            async with asyncio.timeout(timeout_s):
                await _read_parts(request, upload, max_bytes)
        except OSError as error:
            raise _failure(error, timeout_s) from error
        except (ValueError, AssertionError, RuntimeError, EOFError) as error:
            # aiohttp's reader raises these for what is not RFC 7578.
            raise BadMessage("expected a multipart form, got a broken one") from error
        yield upload


@asynccontextmanager
async def saved_body(
    request: web.Request, *, max_bytes: int, timeout_s: float = UPLOAD_TIMEOUT_S
) -> AsyncIterator[Path]:
    """
    Save a body that is a file as it is; it lives as long as the block.

    Raises:
        UploadTooLarge: it is over the limit. SessionIdle: it takes too long to come.
        BadMessage: not all of it comes. UploadNotKept: the disk is full.
    """
    with _folder() as folder:
        path = folder / "upload"
        try:
            async with asyncio.timeout(timeout_s):
                await _save(request.content.iter_chunked(CHUNK_BYTES), path, max_bytes)
        except OSError as error:
            raise _failure(error, timeout_s) from error
        yield path


@contextmanager
def _folder() -> Iterator[Path]:
    """Make a folder that lives as long as the block; raises UploadNotKept."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="whispercpp-ws-")
    except OSError as error:
        raise _not_kept(error) from error
    with folder as name:
        yield Path(name)


def _failure(error: OSError, timeout_s: float) -> SpeechError:
    """Say whose it is that a file is not there: the network's errors are the peer's."""
    if isinstance(error, TimeoutError):
        whole = f"expected the whole upload within {timeout_s:g} s"
        return SessionIdle(whole, field="file")
    if isinstance(error, ConnectionError):
        # Nobody reads this; it keeps a peer that left from being a defect of ours.
        return BadMessage("expected the whole upload, got a part of it", field="file")
    return _not_kept(error)


def _not_kept(error: OSError) -> UploadNotKept:
    return UploadNotKept(f"the file cannot be kept ({error.strerror}); try again later")


async def _read_parts(request: web.Request, upload: Upload, max_bytes: int) -> None:
    reader = await request.multipart()
    for _ in range(MAX_FIELDS):
        part = await reader.next()
        if part is None:
            return
        if not isinstance(part, BodyPartReader) or part.name is None:
            raise BadMessage("expected a form of named parts, got another part")
        if part.name == "file":
            upload.has_file = True
            await _save(_chunks(part), upload.path, max_bytes)
        else:
            upload.fields.setdefault(part.name, []).append(await _text(part))
    raise UploadTooLarge(f"expected at most {MAX_FIELDS} fields, got more")


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(CHUNK_BYTES):
        yield chunk


async def _save(chunks: AsyncIterator[bytes], path: Path, max_bytes: int) -> None:
    size = 0
    # Not in a thread: 64 kB into the page cache take 20 us, a thread's turn more.
    with path.open("wb") as file:
        async for chunk in chunks:
            size += len(chunk)
            if size > max_bytes:
                raise UploadTooLarge(
                    f"file: expected at most {max_bytes} bytes, got more; "
                    "cut it, or send a compressed format",
                    field="file",
                )
            file.write(chunk)


async def _text(part: BodyPartReader) -> str:
    data = b""
    while chunk := await part.read_chunk(CHUNK_BYTES):
        data += chunk
        if len(data) > MAX_FIELD_BYTES:
            raise UploadTooLarge(
                f"{part.name}: expected at most {MAX_FIELD_BYTES} bytes, got more",
                field=part.name,
            )
    return data.decode("utf-8", errors="replace")
