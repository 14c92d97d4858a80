"""The cores of the machine, which the lanes of all its models share."""

from typing import Protocol

from whispercpp_ws.decoding import Priority


class Sharer(Protocol):
    """The scheduler of one model, as the others know it."""

    @property
    def lanes(self) -> int:
        """Return how many lanes it has: one for each core, unless set otherwise."""
        ...

    @property
    def threads(self) -> int:
        """Return how many threads decode for it now."""
        ...

    @property
    def leaving(self) -> int:
        """Return on how many of them something was ended, which lasts a moment."""
        ...

    @property
    def wanted(self) -> Priority | None:
        """Name what it would start next; None while nothing waits."""
        ...

    def fill_lanes(self) -> None:
        """Start what waits, as far as there are lanes and cores."""
        ...

    def end_partials(self, threads: int, *, most_lost: int) -> int:
        """
        End partials on so many threads, if that frees cores at once; on how many.

        No session loses more than `most_lost` in a row.
        """
        ...


class Cores:
    """
    Know how many cores are idle, and see to it that none stays so.

    The threads of one decode wait for the slowest of them many times in each layer: a
    partial on one of two cores makes a final on both take as long as on one.
    """

    def __init__(self) -> None:
        self._sharers: list[Sharer] = []

    @property
    def busy(self) -> int:
        """Return how many threads decode."""
        return sum(sharer.threads for sharer in self._sharers)

    @property
    def idle(self) -> int:
        """Return how many cores have nothing to decode; below 0 with too many lanes."""
        lanes = (sharer.lanes for sharer in self._sharers)
        return max(lanes, default=0) - self.busy

    @property
    def leaving(self) -> int:
        """Return how many threads will be gone in a moment, as they were ended."""
        return sum(sharer.leaving for sharer in self._sharers)

    def join(self, sharer: Sharer) -> None:
        """Share the cores with one more."""
        self._sharers.append(sharer)

    def leave(self, sharer: Sharer) -> None:
        """Share the cores with one less; the last decodes of it may still run."""
        self._sharers.remove(sharer)

    def fill(self) -> None:
        """Offer cores that have become idle to all, finals first."""
        for sharer in sorted(self._sharers, key=_order):
            sharer.fill_lanes()

    def end_partials(
        self, threads: int, *, most_lost: int, of_others_than: Sharer
    ) -> int:
        """End partials of other models on so many threads; returns on how many."""
        freed = 0
        for sharer in self._sharers:
            if sharer is not of_others_than:
                freed += sharer.end_partials(threads - freed, most_lost=most_lost)
        return freed


def _order(sharer: Sharer) -> float:
    return float("inf") if sharer.wanted is None else sharer.wanted
