"""When something that failed is tried again: one policy for relays, providers, services and mailboxes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BackoffPolicy:
    """Delays in seconds: an explicit schedule, or else growth by a factor from `first` up to `cap`.

    Raises ValueError for a policy without a schedule and without a first delay.
    """

    # The delay after the first failure.
    first: float = 0.0
    # No delay is longer, jitter excluded.
    cap: float = float("inf")
    # Each further failure multiplies the delay by this.
    factor: float = 2.0
    # Delays after the first, second, … failure; the last one repeats. Replaces `first` and `factor`.
    schedule: tuple[float, ...] = ()
    # A delay is longer by up to this share of it, so that what failed together is not retried together.
    jitter: float = 0.0

    def __post_init__(self) -> None:
        if not self.schedule and self.first <= 0:
            raise ValueError("a backoff policy needs a schedule or a first delay above 0")

    def delay(self, failures: int, chance: float = 0.0) -> float:
        """Seconds to wait after this many failures in a row (at least 1); `chance` is between 0 and 1."""
        past = max(failures, 1) - 1
        if self.schedule:
            seconds = self.schedule[min(past, len(self.schedule) - 1)]
        else:
            # An exponent that large is beyond every cap, and a larger one would overflow.
            seconds = self.first * self.factor ** min(past, 64)
        return min(seconds, self.cap) * (1 + self.jitter * chance)
