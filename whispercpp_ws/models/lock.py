"""A lock between processes; the operating system frees it when its holder dies."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from whispercpp_ws.errors import StoreLocked


if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


logger = logging.getLogger(__name__)

POLL_S = 0.2
"""Neither system can wait for a lock with a deadline."""


@contextmanager
def held(
    path: Path,
    *,
    wait_s: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """
    Hold the lock of a file, which is made if absent and never removed.

    Raises:
        StoreLocked: another process held it for longer than `wait_s`.
    """
    with path.open("a+b") as file:
        _acquire(file, path, clock() + wait_s, clock, sleep)
        try:
            yield
        finally:
            _release(file)


def _acquire(
    file: IO[bytes],
    path: Path,
    deadline_s: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> None:
    if _try_lock(file):
        return
    logger.warning("waiting for another process that uses %s", path.parent)
    while clock() < deadline_s:
        sleep(POLL_S)
        if _try_lock(file):
            return
    raise StoreLocked(
        f"{path.parent}: expected the other process to finish in time, it still "
        "holds the models; try again later"
    )


if sys.platform == "win32":

    def _try_lock(file: IO[bytes]) -> bool:
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _release(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:

    def _try_lock(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _release(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)
