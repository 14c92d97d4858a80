"""When a client that lost its connection tries again."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


ASKED_SPREAD = 1.5
"""Up to so many times what a server asks for: those it refused together come apart."""

NOTICED_S, NOTICED_MOST_S = 1.0, 1.25
"""Bounds of the wait of who is refused right after a loss: the server may not know of
it. Without audio for 1 s it lets the session be taken up however busy it is, and after
1.5 s it takes the utterance to be over, in the middle of a word."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """
    How long and how often to try; clock, sleep and chance may be replaced.

    Waits have full jitter, any length up to a bound that doubles: clients that lost the
    same server do not come back to it all at once.
    """

    first_s: float = 0.25
    longest_s: float = 5.0
    tries: int = 20
    """Tries in a row without news of the server."""
    give_up_s: float = 60.0
    """Time without news; servers keep a session for 30 s by default."""
    longest_asked_s: float = 30.0
    """Of what a server that refuses may ask to wait; its own say is 5 s."""
    uniform: Callable[[float, float], float] = random.uniform
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep

    def wait_s(self, tries: int) -> float:
        """Choose the wait before a try, of which there were some already."""
        # 2**30 is past any bound; larger powers do not fit a float.
        bound_s = self.first_s * 2.0 ** min(tries, 30)
        return self.uniform(0.0, min(bound_s, self.longest_s))

    def asked_wait_s(self, retry_after_s: float) -> float:
        """Choose a wait no shorter than a server asks for, within bounds."""
        least_s = min(max(retry_after_s, 0.0), self.longest_asked_s)
        return self.uniform(least_s, least_s * ASKED_SPREAD)


@dataclass(slots=True)
class Outage:
    """The tries since a client last heard news."""

    backoff: Backoff
    tries: int = 0
    _since_s: float | None = None

    def next_wait_s(self, retry_after_s: float = 0.0) -> float | None:
        """
        Count a try and say how long to wait before it; None to give up.

        `retry_after_s` is what the server asked for, 0 if it said nothing of it.
        """
        now_s = self.backoff.clock()
        if self._since_s is None:
            self._since_s = now_s
        out_of_time = now_s - self._since_s >= self.backoff.give_up_s
        if self.tries >= self.backoff.tries or out_of_time:
            return None
        self.tries += 1
        if retry_after_s > NOTICED_S and now_s - self._since_s < NOTICED_S:
            return self.backoff.uniform(NOTICED_S, NOTICED_MOST_S)
        if retry_after_s > 0.0:
            return self.backoff.asked_wait_s(retry_after_s)
        return self.backoff.wait_s(self.tries - 1)

    def note_news(self) -> None:
        """Note that the server said something new."""
        self.tries, self._since_s = 0, None
