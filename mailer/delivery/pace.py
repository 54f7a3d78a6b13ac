"""How fast messages may leave: a token bucket."""

from __future__ import annotations


class Bucket:
    """Lets `rate` through each second, evenly; 0 lets everything through at once."""

    def __init__(self, rate: float) -> None:
        self._gap = 1 / rate if rate else 0.0
        # The moment, in seconds of the caller's clock, from which the next may leave.
        self._next = 0.0

    @property
    def paced(self) -> bool:
        return bool(self._gap)

    def wait(self, clock: float) -> float:
        """Take one; seconds that it must wait, by a clock that only goes forward."""
        if not self._gap:
            return 0.0
        at = max(self._next, clock)
        self._next = at + self._gap
        return at - clock
