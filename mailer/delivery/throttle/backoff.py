"""How we slow down for a server that asks for it, and speed up again (AIMD): one pure function for each way.

Each request doubles the wait and halves the rate after it. Each accepted message raises the rate a little,
until no limit is left.
"""

from __future__ import annotations

from typing import NamedTuple

from mailer.backoff import BackoffPolicy

# For a mailbox provider, and for our relay.
PROVIDER = BackoffPolicy(first=60, cap=1_800, jitter=0.1)
RELAY = BackoffPolicy(first=60, cap=600, jitter=0.1)
# Messages a second after the first request, at the least, and from where on there is no limit any more.
_FIRST_RATE, _MIN_RATE, _UNLIMITED_RATE = 10.0, 0.1, 20.0
# A minute of steady sending adds so much to the rate.
_RISE = 1.0
# Seconds after the end of a wait for which the state is remembered.
_MEMORY = 3_600.0


class Backoff(NamedTuple):
    """The state for one server."""

    # Requests to slow down in a row.
    failures: int = 0
    # Nothing is sent before; seconds since 1970.
    until: float = 0.0
    # Messages a second; 0: no limit.
    rate: float = 0.0


NO_BACKOFF = Backoff()


def decayed(state: Backoff, now: float) -> Backoff:
    """The state as of now: none when the last wait ended long ago."""
    return state if now < state.until + _MEMORY else NO_BACKOFF


def penalised(state: Backoff, now: float, policy: BackoffPolicy, fraction: float) -> Backoff:
    """The state after a request to slow down; `fraction`, between 0 and 1, chooses the jitter.

    Requests during a wait change nothing: they answer messages that were under way when it began.
    """
    if now < state.until:
        return state
    state = decayed(state, now)
    failures = state.failures + 1
    rate = max(state.rate / 2, _MIN_RATE) if state.rate else _FIRST_RATE
    return Backoff(failures, now + policy.delay(failures, fraction), rate)


def after_success(state: Backoff, count: int, now: float) -> Backoff:
    """The state after so many accepted messages. During a wait they change nothing, for the same reason."""
    if now < state.until or not count or not state.rate:
        return state
    rate = state.rate
    for _ in range(count):
        rate += _RISE / 60 / rate
        if rate >= _UNLIMITED_RATE:
            return NO_BACKOFF
    return Backoff(0, state.until, rate)
