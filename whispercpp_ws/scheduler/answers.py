"""How an engine process answers, whether its lanes are threads or processes."""

import logging
import threading
from collections.abc import Callable
from typing import BinaryIO

from whispercpp_ws.engines.base import Cancelled, Lane, never_cancelled
from whispercpp_ws.errors import SpeechError
from whispercpp_ws.scheduler.slots import Slots
from whispercpp_ws.scheduler.wire import Decode, Decoded, Message, Refused, encode


IDLE_S = 60.0
"""Without a decode, before a lane gives its buffers back; the next decode makes them
again, which takes longer than usual: no pause within a conversation may cost that."""

Send = Callable[[Message], None]

logger = logging.getLogger(__name__)


class Sender:
    """Write frames from any thread, one at a time."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def __call__(self, message: Message) -> None:
        """Write one message; raises OSError when the other end is gone."""
        frame = encode(message)
        with self._lock:
            self._stream.write(frame)
            self._stream.flush()


def answer(
    lane: Lane, job: Decode, slots: Slots, is_cancelled: Cancelled = never_cancelled
) -> Message:
    """Decode what lies in a slot, and make an answer of whatever comes of it."""
    try:
        request = job.request(slots.get(job.slot, job.sample_count))
        return Decoded(job.ticket, lane.decode(request, is_cancelled))
    except SpeechError as error:
        return Refused(job.ticket, error.code, str(error))
    except Exception as error:
        # The lane's outermost frame: one broken decode must not end the lane.
        logger.exception("decode %d failed", job.ticket)
        return Refused(job.ticket, "engine_error", f"{type(error).__name__}: {error}")
