"""
The process that holds an engine: `python -m whispercpp_ws.scheduler.host_process`.

It reads frames from stdin and answers on stdout. A crash in C ends this process with
its lanes and no other; the gateway starts it again.
"""

import hashlib
import logging
import os
import signal
import sys
from pathlib import Path

from whispercpp_ws.engines import EngineOptions, load_engine
from whispercpp_ws.engines.base import Engine
from whispercpp_ws.errors import BadModelFile, SpeechError
from whispercpp_ws.scheduler.answers import Send, Sender
from whispercpp_ws.scheduler.inbox import Inbox
from whispercpp_ws.scheduler.lane_threads import LaneThreads
from whispercpp_ws.scheduler.slots import Slots
from whispercpp_ws.scheduler.wire import LOAD_TICKET, HostSpec, Load, Refused


if sys.platform == "linux":
    from whispercpp_ws.scheduler.lane_processes import LaneProcesses

logger = logging.getLogger(__name__)


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


def serve(inbox: Inbox, send: Send) -> int:
    """Load what the first message names, decode until the last; the exit status."""
    first = inbox.first()
    if not isinstance(first, Load):
        logger.error("expected a load message first, got %.80r", first)
        return 2
    try:
        slots = Slots.attach(first.slots_fd)
        verify_file(first.spec)
        lanes = open_lanes(load(first.spec), first.spec, slots, send)
    except SpeechError as error:
        send(Refused(LOAD_TICKET, error.code, str(error)))
        return 1
    lanes.serve(inbox)
    return 0


def load(spec: HostSpec) -> Engine:
    """Load the model of a spec; raises SpeechError."""
    options = EngineOptions(
        model=spec.model,
        lanes=spec.lanes,
        word_times=spec.word_times,
        vad=Path(spec.vad_path) if spec.vad_path else None,
        blas=spec.blas,
    )
    return load_engine(spec.engine, Path(spec.path), options)


def open_lanes(
    engine: Engine, spec: HostSpec, slots: Slots, send: Send
) -> "LaneThreads | LaneProcesses":
    """Make the lanes of an engine: processes, where it and the system allow that."""
    # macOS has fork, too, but its frameworks do not outlive one.
    if sys.platform == "linux" and engine.is_forkable:
        return LaneProcesses(engine, spec, slots, send)
    return LaneThreads(engine, spec, slots, send)


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
        return serve(Inbox(0), Sender(channel))


if __name__ == "__main__":
    sys.exit(main())
