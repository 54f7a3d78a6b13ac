"""How we draw back from a server that asks us to, and come back: AIMD, one pure function for each way.

Each time it asks, we leave it alone for twice as long and then send half as fast; each message that it takes
lets us go a little faster, until nothing is left of the limit.
"""

from __future__ import annotations

from typing import NamedTuple

# Messages a second after the first time, at the least, and from where on there is no limit any more.
_FIRST, _LEAST, _FREE = 10.0, 0.1, 20.0
# What a minute of steady sending adds to the rate.
_RISE = 1.0
# A wait is up to so much longer by chance, so that not everybody comes back in one moment.
_JITTER = 0.1
# Seconds after a wait was over in which it still counts.
_MEMORY = 3_600.0


class Wait(NamedTuple):
    """Seconds to leave a server alone: the first time, and at the most; each time doubles it."""

    first: float
    most: float


PROVIDER = Wait(60, 1_800)
RELAY = Wait(60, 600)


class Backoff(NamedTuple):
    # Times in a row that we were asked to go slower.
    failures: int = 0
    # Nothing is tried before; seconds since 1970.
    until: float = 0.0
    # Messages a second; 0: no limit.
    rate: float = 0.0


NO_BACKOFF = Backoff()


def decayed(state: Backoff, now: float) -> Backoff:
    """What is left of it: nothing, when it lies long back."""
    return state if now < state.until + _MEMORY else NO_BACKOFF


def penalised(state: Backoff, now: float, wait: Wait, fraction: float) -> Backoff:
    """We were asked to go slower. What was on its way when we began to wait tells nothing new.

    `chance` is between 0 and 1.
    """
    if now < state.until:
        return state
    state = decayed(state, now)
    strikes = state.failures + 1
    seconds = min(wait.first * 2.0 ** min(strikes - 1, 20), wait.most)
    rate = max(state.rate / 2, _LEAST) if state.rate else _FIRST
    return Backoff(strikes, now + seconds * (1 + _JITTER * fraction), rate)


def after_success(state: Backoff, count: int, now: float) -> Backoff:
    """So many messages were taken; what was on its way when we began to wait does not end it."""
    if now < state.until or not count or not state.rate:
        return state
    rate = state.rate
    for _ in range(count):
        rate += _RISE / 60 / rate
        if rate >= _FREE:
            return NO_BACKOFF
    return Backoff(0, state.until, rate)
