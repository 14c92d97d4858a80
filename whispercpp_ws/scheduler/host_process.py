"""
The process that holds an engine: `python -m whispercpp_ws.scheduler.host_process`.

It reads frames from stdin and answers on stdout. A crash in C ends this process and
no other; the gateway starts it again.
"""

import hashlib
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from whispercpp_ws.engines import EngineOptions, load_engine
from whispercpp_ws.engines.base import Cancelled, Engine, Lane
from whispercpp_ws.errors import BadModelFile, EngineError, SpeechError
from whispercpp_ws.scheduler.wire import (
    LOAD_TICKET,
    Cancel,
    Decode,
    Decoded,
    FrameReader,
    HostSpec,
    Load,
    Message,
    Ping,
    Pong,
    Ready,
    Refused,
    encode,
)


READ_BYTES = 1 << 20

IDLE_S = 60.0
"""Without a decode, before a lane gives its buffers back; the next decode makes them
again, which takes longer than usual: no pause within a conversation may cost that."""

logger = logging.getLogger(__name__)

Send = Callable[[Message], None]


class Sender:
    """Write frames from any thread, one at a time."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def __call__(self, message: Message) -> None:
        """Write one message; raises OSError when the gateway is gone."""
        frame = encode(message)
        with self._lock:
            self._stream.write(frame)
            self._stream.flush()


class Host:
    """One engine and a thread per lane, fed from one queue."""

    def __init__(self, spec: HostSpec, send: Send) -> None:
        self._send = send
        self._jobs: queue.SimpleQueue[Decode | None] = queue.SimpleQueue()
        self._cancelled: dict[int, threading.Event] = {}
        """By ticket, for every decode that has no answer yet."""
        verify_file(spec)
        self._engine: Engine = load_engine(
            spec.engine,
            Path(spec.path),
            EngineOptions(
                model=spec.model,
                lanes=spec.lanes,
                word_times=spec.word_times,
                vad=Path(spec.vad_path) if spec.vad_path else None,
            ),
        )
        self._lanes = [self._engine.open_lane() for _ in range(spec.lanes)]
        self._info = self._engine.info
        if spec.warm_up:
            # The first one also fetched the weights from memory for the others.
            fastest_s = min(lane.warm_up() for lane in self._lanes)
            self._info = replace(self._info, frame_s=fastest_s)
        self._threads = [
            threading.Thread(target=self._serve, args=(lane,), name=f"lane-{index}")
            for index, lane in enumerate(self._lanes)
        ]

    def start(self) -> None:
        """Start the lanes' threads and tell the gateway."""
        for thread in self._threads:
            thread.start()
        self._send(Ready(self._info))

    def submit(self, message: Message) -> None:
        """
        Queue a decode, cancel one, or answer that the process is there.

        The gateway sends no more decodes than there are lanes.
        """
        if isinstance(message, Ping):
            self._send(Pong())
        elif isinstance(message, Cancel):
            self._cancel(message.ticket)
        elif isinstance(message, Decode):
            self._cancelled[message.ticket] = threading.Event()
            self._jobs.put(message)
        else:
            raise EngineError(f"engine host: expected a decode, got {message!r:.80}")

    def close(self) -> None:
        """Finish the decodes that run, then free lanes and weights."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()
        for lane in self._lanes:
            lane.close()
        self._engine.close()

    def _cancel(self, ticket: int) -> None:
        # The answer may be on its way already: then there is nothing to cancel.
        flag = self._cancelled.get(ticket)
        if flag is not None:
            flag.set()

    def _next(self, lane: Lane) -> Decode | None:
        try:
            return self._jobs.get(timeout=IDLE_S)
        except queue.Empty:
            lane.rest()
            return self._jobs.get()

    def _serve(self, lane: Lane) -> None:
        while (job := self._next(lane)) is not None:
            answer = _answer(lane, job, self._cancelled[job.ticket].is_set)
            del self._cancelled[job.ticket]
            try:
                self._send(answer)
            except OSError:
                logger.info("the gateway is gone; a result is dropped")


def _answer(lane: Lane, job: Decode, is_cancelled: Cancelled) -> Message:
    try:
        return Decoded(job.ticket, lane.decode(job.request, is_cancelled))
    except SpeechError as error:
        return Refused(job.ticket, error.code, str(error))
    except Exception as error:
        # The lane's outermost frame: one broken decode must not end the lane.
        logger.exception("decode %d failed", job.ticket)
        return Refused(job.ticket, "engine_error", f"{type(error).__name__}: {error}")


def verify_file(spec: HostSpec) -> None:
    """
    Compare a model file with the size and checksum that the spec gives.

    Raises:
        BadModelFile: they differ, or the file cannot be read.
    """
    try:
        if spec.size_bytes:
            _require(spec, "bytes", spec.size_bytes, os.stat(spec.path).st_size)
        if spec.sha256:
            with open(spec.path, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            _require(spec, "SHA-256", spec.sha256, digest)
    except OSError as error:
        raise BadModelFile(
            f"{spec.path}: expected a readable model file, got {error.strerror}"
        ) from error


def _require(spec: HostSpec, what: str, expected: object, got: object) -> None:
    if expected != got:
        raise BadModelFile(
            f"{spec.path}: expected {what} {expected}, got {got}; remove the file and "
            "fetch it again (whispercpp-ws models fetch)"
        )


def messages(stream_fd: int) -> Iterator[Message]:
    """Read messages until the gateway closes its end."""
    reader = FrameReader()
    while data := os.read(stream_fd, READ_BYTES):
        yield from reader.feed(data)


def serve(received: Iterator[Message], send: Send) -> int:
    """Load what the first message names, decode until the last; the exit status."""
    first = next(received, None)
    if not isinstance(first, Load):
        logger.error("expected a load message first, got %.80r", first)
        return 2
    try:
        host = Host(first.spec, send)
    except SpeechError as error:
        send(Refused(LOAD_TICKET, error.code, str(error)))
        return 1
    host.start()
    try:
        for message in received:
            host.submit(message)
    finally:
        host.close()
    return 0


def main() -> int:
    """Run a host on this process's stdin and stdout."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s engine-host[%(process)d] %(message)s",
    )
    # Ctrl-C and a service's stop reach the whole process group, but must not cost the
    # finals of a drain: the server ends this process by closing its stdin.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    with os.fdopen(os.dup(1), "wb") as channel:
        # Whatever C prints must not land between two frames.
        os.dup2(2, 1)
        return serve(messages(0), Sender(channel))


if __name__ == "__main__":
    sys.exit(main())
