"""Download one file over HTTP: resumed, bounded, checked, put in place at once."""

import logging
import os
import ssl
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO
from urllib.parse import SplitResult, unquote, urlsplit

from whispercpp_ws import __version__
from whispercpp_ws.errors import ChecksumMismatch, DownloadFailed
from whispercpp_ws.models.atomic import (
    CHUNK_BYTES,
    Digest,
    Progress,
    check,
    full_disk_as_no_space,
    publish,
    require_space,
)


logger = logging.getLogger(__name__)

MAX_RESUMES = 5
"""Broken transfers taken up again in one call, each only if it brought bytes."""

MAX_PAGE_BYTES = 32 << 20
"""The largest simple-index page of PyPI is about 20 MB."""

HTTP_PARTIAL = 206
HTTP_RANGE_NOT_SATISFIABLE = 416


class Downloader:
    """
    HTTP for one fetch of a model; honours proxies, SSL_CERT_FILE and PIP_CERT.

    A host that cannot be reached is not tried again by the same downloader.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._unreachable: dict[str, str] = {}
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=_tls_context())
        )

    def page(self, url: str, *, accept: str, timeout_s: float) -> tuple[str, bytes]:
        """
        Return a small document's content type and bytes.

        Raises:
            DownloadFailed: it cannot be had, or is larger than MAX_PAGE_BYTES.
        """
        request = _request(url)
        request.add_header("Accept", accept)
        with self._open(request, timeout_s) as response, _as_download_failed(url):
            body = response.read(MAX_PAGE_BYTES + 1)
            if len(body) > MAX_PAGE_BYTES:
                raise DownloadFailed(
                    f"{_host(url)}: expected at most {MAX_PAGE_BYTES} bytes, got more"
                )
            return response.headers.get_content_type(), body

    def file(self, url: str, target: Path, digest: Digest, *, timeout_s: float) -> None:
        """
        Download to `target`, taking up an earlier `<target>.part` where it ended.

        Args:
            url: http or https; a user and password in it are sent as Basic.
            target: appears only when whole and checked.
            digest: what the bytes must be.
            timeout_s: for the connection, and for each silence while reading.

        Raises:
            DownloadFailed: the host cannot be reached or does not send the file.
            ChecksumMismatch: what it sent is another file.
            NoSpace: the disk cannot hold it.
        """
        part = target.with_name(target.name + ".part")
        resumed = _size(part) > 0
        require_space(target.parent, digest.size - min(_size(part), digest.size))
        with full_disk_as_no_space(target.parent):
            self._complete(url, part, digest, timeout_s)
            try:
                check(part, digest)
            except ChecksumMismatch:
                part.unlink()
                if not resumed:
                    raise
                # The first half may be of another file: once more, from the start.
                return self.file(url, target, digest, timeout_s=timeout_s)
            publish(part, target)
        return None

    def _complete(self, url: str, part: Path, digest: Digest, timeout_s: float) -> None:
        for _ in range(1 + MAX_RESUMES):
            before = _size(part)
            if before == digest.size:
                return
            try:
                self._transfer(url, part, digest.size, timeout_s)
            except _Broken as error:
                if _size(part) <= before:
                    raise DownloadFailed(str(error)) from error
                logger.info("%s; taking it up again", error)
        if _size(part) != digest.size:
            raise DownloadFailed(
                f"{_host(url)}: the transfer broke {1 + MAX_RESUMES} times at "
                f"{_size(part)} of {digest.size} bytes; run the command again to resume"
            )

    def _transfer(self, url: str, part: Path, size: int, timeout_s: float) -> None:
        offset = _size(part)
        if offset > size:
            part.unlink()
            offset = 0
        request = _request(url)
        if offset:
            request.add_header("Range", f"bytes={offset}-")
        try:
            response = self._open(request, timeout_s)
        except _RangeRefused:
            part.unlink()
            return
        with response:
            offset = offset if _continues(response, offset) else 0
            _check_length(url, response, size - offset)
            with part.open("r+b" if offset else "wb") as file:
                file.seek(offset)
                with _as_broken(url):
                    self._receive(url, response, file, size)

    def _receive(
        self, url: str, response: HTTPResponse, file: BinaryIO, size: int
    ) -> None:
        label = urlsplit(url).path.rpartition("/")[2]
        whole = size if "Content-Length" in response.headers else size + 1
        # read1 gives what has come; read would lose it when the line goes silent.
        while file.tell() < whole and (data := response.read1(CHUNK_BYTES)):
            if file.tell() + len(data) > size:
                raise DownloadFailed(f"{_host(url)}: expected {size} bytes, got more")
            file.write(data)
            self._progress(label, file.tell(), size)
        if file.tell() < size:
            raise _Broken(
                f"{_host(url)}: expected {size} bytes, the transfer ended at "
                f"{file.tell()}"
            )

    def _open(self, request: urllib.request.Request, timeout_s: float) -> HTTPResponse:
        host = _host(request.full_url)
        if host in self._unreachable:
            raise DownloadFailed(self._unreachable[host])
        try:
            response = self._opener.open(request, timeout=timeout_s)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == HTTP_RANGE_NOT_SATISFIABLE and request.has_header("Range"):
                raise _RangeRefused from None
            raise DownloadFailed(
                f"{host}: answered {error.code} {error.reason}"
            ) from None
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            self._unreachable[host] = f"{host}: cannot be reached ({reason})"
            raise DownloadFailed(self._unreachable[host]) from error
        assert isinstance(response, HTTPResponse)
        return response


class _Broken(Exception):
    """Raised when a transfer ended early; what came is kept."""


class _RangeRefused(Exception):
    """Raised when the server has nothing after what we hold."""


def _request(url: str) -> urllib.request.Request:
    parts = _split(url)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    request = urllib.request.Request(bare.geturl())
    request.add_header("User-Agent", f"whispercpp-ws/{__version__}")
    # Compressed by the server, a range would count other bytes than ours.
    request.add_header("Accept-Encoding", "identity")
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        # Unredirected: the login is for this host, not for where it sends us.
        request.add_unredirected_header(
            "Authorization", "Basic " + b64encode(login.encode()).decode()
        )
    return request


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return parts
    except ValueError:
        pass  # a port that is no number, or half an IPv6 address
    raise DownloadFailed("expected an http or https address of a source, got another")


def _tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    bundle = os.environ.get("PIP_CERT")
    if bundle and Path(bundle).is_file():
        try:
            context.load_verify_locations(cafile=bundle)
        except ssl.SSLError as error:
            raise DownloadFailed(
                f"PIP_CERT: expected a file of certificates, got {bundle} ({error})"
            ) from error
    return context


def _continues(response: HTTPResponse, offset: int) -> bool:
    if response.status != HTTP_PARTIAL:
        return False
    return response.headers.get("Content-Range", "").startswith(f"bytes {offset}-")


def _check_length(url: str, response: HTTPResponse, expected: int) -> None:
    length = response.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) != expected:
        raise DownloadFailed(f"{_host(url)}: expected {expected} bytes, got {length}")


@contextmanager
def _as_broken(url: str) -> Iterator[None]:
    try:
        yield
    except (TimeoutError, ConnectionError, ssl.SSLError, HTTPException) as error:
        raise _Broken(f"{_host(url)}: the transfer broke ({error!r})") from error


@contextmanager
def _as_download_failed(url: str) -> Iterator[None]:
    try:
        with _as_broken(url):
            yield
    except _Broken as error:
        raise DownloadFailed(str(error)) from error


def _host(url: str) -> str:
    """Return the host without the login, for messages."""
    parts = urlsplit(url)
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.hostname}{port}"


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
