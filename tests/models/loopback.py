"""A web server on loopback that misbehaves as told."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass
class Reply:
    """What one path answers."""

    body: bytes = b""
    content_type: str = "application/octet-stream"
    status: int = 200
    ranges: bool = True
    """Whether a Range is honoured; if not, the whole body comes with 200."""
    send_most: int = 1 << 30
    """Bytes after which the connection breaks, at each request."""
    then_silent: bool = False
    """Whether the connection stays open, without a word, instead of breaking."""
    says_length: bool = True
    location: str = ""


@dataclass
class Site:
    """A running server."""

    url: str
    replies: dict[str, Reply] = field(default_factory=dict)
    ranges_asked: list[str] = field(default_factory=list)
    headers_seen: list[dict[str, str]] = field(default_factory=list)

    def serve(self, path: str, body: bytes, **how: Any) -> str:
        """Add a path, with the fields of its Reply; return its address."""
        self.replies[path] = Reply(body, **how)
        return self.url + path


@contextmanager
def loopback_site() -> Iterator[Site]:
    """Serve on a free port until the block ends."""
    server = _Server(("127.0.0.1", 0), _Handler)
    site = server.site
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    def server_activate(self) -> None:
        super().server_activate()
        self.site = Site(f"http://127.0.0.1:{self.server_port}")


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        site = self.server.site
        asked = self.headers.get("Range", "")
        site.ranges_asked.append(asked)
        site.headers_seen.append(dict(self.headers))
        reply = site.replies.get(self.path, Reply(status=404))
        start = _start_of(asked) if reply.ranges else 0
        if start and start >= len(reply.body):
            reply = Reply(status=416)
        self._answer(reply, start)

    def _answer(self, reply: Reply, start: int) -> None:
        partial = reply.status == 200 and start > 0
        self.send_response(206 if partial else reply.status)
        self.send_header("Content-Type", reply.content_type)
        if reply.location:
            self.send_header("Location", reply.location)
        if partial:
            size = len(reply.body)
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        if reply.says_length:
            self.send_header("Content-Length", str(len(reply.body) - start))
        self.end_headers()
        self.wfile.write(reply.body[start : start + reply.send_most])
        if reply.then_silent:
            self.wfile.flush()
            self.rfile.read(1)  # returns when the client hangs up

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def _start_of(asked: str) -> int:
    match = re.fullmatch(r"bytes=(\d+)-", asked)
    return int(match[1]) if match else 0
