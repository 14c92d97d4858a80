"""Windows that crash the decoder, so that they do it twice and no third time; pure."""

import hashlib

from whispercpp_ws.decoding import DecodeRequest


MOST_DEATHS = 2
"""One may be chance, or another window that ran beside it."""
REMEMBERED = 256
"""Windows under suspicion; each is tried again within seconds or never."""


class Quarantine:
    """Count the deaths of engine processes against the windows they decoded."""

    def __init__(self) -> None:
        self._deaths: dict[bytes, int] = {}

    def note_death(self, request: DecodeRequest) -> None:
        """Note that a process crashed while it decoded this."""
        name = _name(request)
        self._deaths[name] = self._deaths.pop(name, 0) + 1
        if len(self._deaths) > REMEMBERED:
            self._deaths.pop(next(iter(self._deaths)))

    def suspects(self, request: DecodeRequest) -> bool:
        """Tell whether a process ever crashed on a window: it should run alone."""
        return self._count(request) > 0

    def holds(self, request: DecodeRequest) -> bool:
        """Tell whether a window must not be decoded again."""
        return self._count(request) >= MOST_DEATHS

    def _count(self, request: DecodeRequest) -> int:
        # Hashing 10 s of audio takes 1 ms: only where anything ever crashed.
        return self._deaths.get(_name(request), 0) if self._deaths else 0


def _name(request: DecodeRequest) -> bytes:
    digest = hashlib.blake2b(request.samples.tobytes(), digest_size=16)
    digest.update(repr(request.options).encode())
    return digest.digest()
