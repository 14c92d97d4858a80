"""
Who of several has had less, told by start-time fair queueing; pure.

Each subject has a clock of its own that runs as it is served, and the common clock
stands where the last one served began. Who was idle starts at the common clock: nobody
saves up, and nobody waits longer for having used what nobody else wanted.
"""


class FairShares:
    """Compare subjects by what they were given while others waited."""

    def __init__(self) -> None:
        self._common_s = 0.0
        self._ends_s: dict[str, float] = {}
        """Of those ahead of the common clock; no more than were lately served."""

    def start_s(self, subject: str) -> float:
        """Return where a subject would begin; the least of them is next."""
        return max(self._common_s, self._ends_s.get(subject, 0.0))

    def charge(self, subject: str, cost_s: float) -> None:
        """Note that a subject is served now, for so much lane time."""
        start_s = self.start_s(subject)
        self._common_s = start_s
        self._ends_s[subject] = start_s + cost_s
        ahead = self._ends_s.items()
        self._ends_s = {name: end for name, end in ahead if end > self._common_s}
