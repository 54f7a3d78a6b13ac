"""The circuit breaker: when too much fails for reasons that are not single readers', a person must look."""

from __future__ import annotations

from typing import NamedTuple

# So many tries are remembered, about; older ones fade.
_MEMORY = 100
# More failures than this share stop it, once there are enough of them to tell.
_FAILED_SHARE, _FAILED_LEAST = 0.5, 10
# The same for blocks, of which few are too many: what is blocked again and again is blocked ever longer.
_BLOCKED_SHARE, _BLOCKED_LEAST = 0.05, 5


class Tally(NamedTuple):
    """What became of the latest tries."""

    tried: float = 0.0
    # Connections lost, providers or the relay asking us to go slower, and blocks.
    failed: float = 0.0
    # Refused for what we are or what we send.
    blocked: float = 0.0


def add(tally: Tally, tried: int, failed: int, blocked: int) -> Tally:
    """The tally after so many more tries; `failed` of them failed, `blocked` of these were blocks."""
    kept = max(_MEMORY - tried, 0)
    fade = min(1.0, kept / tally.tried) if tally.tried else 0.0
    share = min(1.0, _MEMORY / tried) if tried else 0.0
    return Tally(
        tally.tried * fade + tried * share,
        tally.failed * fade + failed * share,
        tally.blocked * fade + blocked * share,
    )


def trips(tally: Tally) -> str:
    """Why sending must stop, in words; empty when it may go on."""
    if tally.blocked >= _BLOCKED_LEAST and tally.blocked > _BLOCKED_SHARE * tally.tried:
        return f"{_of(tally.blocked, tally)} were blocked for what we are or what we send"
    if tally.failed >= _FAILED_LEAST and tally.failed > _FAILED_SHARE * tally.tried:
        return f"{_of(tally.failed, tally)} failed for reasons that are not single readers'"
    return ""


def _of(part: float, tally: Tally) -> str:
    return f"{round(part)} of the last {round(tally.tried)} tries"
