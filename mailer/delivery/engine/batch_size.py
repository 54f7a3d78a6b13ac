"""How many deliveries one worker holds at a time.

Enough to keep the sessions busy while results are recorded, and no more, because this is what becomes
uncertain when the whole machine is lost. A claim and a commit cost the same for few and for many: where they
leave quickly, more are held.
"""

from __future__ import annotations

# Seconds between two claims below which twice as many are held, and above which half as many are.
_QUICK, _SLOW = 0.1, 0.4
# Times the fewest that are held at most.
_MOST = 12
# While more than this part of them is held, no more are claimed.
_FULL = 0.75


class Holding:
    """Fits the number to how quickly they leave; never fewer than `least`."""

    def __init__(self, least: int) -> None:
        self._least = least
        self.most = least
        # When some were claimed last, in seconds by a clock that never goes back.
        self._claimed_at = 0.0

    def room(self, held: int) -> int:
        """How many more to claim beside those held; 0: enough are."""
        return 0 if held > self.most * _FULL else self.most - held

    def claimed(self, clock: float) -> None:
        """Some were claimed at `clock`."""
        took, self._claimed_at = clock - self._claimed_at, clock
        if took < _QUICK:
            self.most = min(2 * self.most, _MOST * self._least)
        elif took > _SLOW:
            self.most = max(self.most // 2, self._least)
