"""Make the pipe to an engine process wide enough for a window."""

import contextlib
import sys
from asyncio.subprocess import Process


if sys.platform == "linux":
    import fcntl

PIPE_BYTES = 1 << 20
"""What Linux grants to everybody. 10 s of audio, 640 kB, then cross in one piece; in
ten there is a switch between the processes for each."""


def widen(process: Process) -> None:
    """Let a window cross in one piece; where the system refuses, it takes longer."""
    if sys.platform != "linux" or process.stdin is None:
        return
    pipe = process.stdin.transport.get_extra_info("pipe")
    with contextlib.suppress(OSError):
        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
