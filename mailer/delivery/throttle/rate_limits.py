"""Rate limits and the warm-up: how many messages may be sent, and when. Pure arithmetic.

A limit per second spaces messages evenly: the state is the time from which the next may be sent (virtual
scheduling, as in GCRA). A limit per minute, hour or day grants messages at once and counts them in sixtieths
of its period, each until the whole sixtieth is past. So no interval as long as the period ever contains more
messages than the limit, wherever it begins. All times are seconds since 1970.

The warm-up raises the messages a day of a new address or domain until mailbox providers know it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, NamedTuple

# Messages are granted so many seconds ahead; they wait in memory for their time.
LOOKAHEAD = 1.0
# Seconds by which the clocks of several machines may differ.
_SKEW = 60.0
_PARTS = 60
# Messages a day on the first, second… day of sending. After the last there is no limit.
_ALLOWED = (
    *(50, 100, 250, 500, 1_000, 2_500, 5_000, 7_500, 10_000, 15_000),
    *(20_000, 30_000, 40_000, 55_000, 70_000, 100_000),
)
# A day on which a larger share was deferred is repeated.
_MAX_DEFERRED_SHARE = 0.05


class RateLimit(NamedTuple):
    """At most `most` messages in any `seconds`."""

    most: float
    seconds: float


class Grant(NamedTuple):
    """Permission to send."""

    room: int
    # When the first may be sent, and the seconds from each to the next.
    first: float
    gap: float
    # If room is 0: when to ask again, and the limit that was reached.
    retry_at: float = 0.0
    limit: RateLimit | None = None

    def send_times(self) -> Iterable[float]:
        """When each may be sent."""
        return (self.first + number * self.gap for number in range(self.room))


# By a period in seconds: (end of a sixtieth, messages granted in it), oldest first.
WindowCounts = dict[float, list[tuple[float, int]]]


class LimiterState(NamedTuple):
    """The grants that still matter."""

    # When the next message may be sent.
    next: float = 0.0
    counted: WindowCounts = {}

    @classmethod
    def of(cls, data: dict[str, Any]) -> LimiterState:
        """From the result of `data`."""
        counted = data.get("counted", {}).items()
        return cls(data.get("next", 0.0), {float(k): [(end, n) for end, n in v] for k, v in counted})

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {"next": self.next, "counted": {str(k): v for k, v in self.counted.items()}}


def reserve(
    state: LimiterState, limits: Sequence[RateLimit], wanted: int, now: float
) -> tuple[LimiterState, Grant]:
    """Grant up to `wanted` messages for the next LOOKAHEAD seconds; the new state and the grant.

    If `now` goes back because a clock was corrected, counts in its future are dropped.
    """
    gap = max((limit.seconds / limit.most for limit in limits if limit.seconds <= 1), default=0.0)
    # A time further ahead was written by a wrong clock.
    first = max(now, state.next) if state.next < now + LOOKAHEAD + gap + _SKEW else now
    windows = _windows(limits)
    counted = {seconds: _within(state.counted.get(seconds, []), seconds, first) for _, seconds in windows}
    spaced = wanted
    if gap:
        spaced = (
            min(wanted, math.floor((now + LOOKAHEAD - first) / gap) + 1) if first <= now + LOOKAHEAD else 0
        )
    left = [int(limit.most) - sum(n for _, n in counted[limit.seconds]) for limit in windows]
    count = max(0, min([spaced, *left]))
    if not count:
        return state, _refusal(windows, counted, first - LOOKAHEAD if gap else now, first, gap)
    last = first + (count - 1) * gap
    for limit in windows:
        _count(counted[limit.seconds], limit.seconds, last, count)
    return LimiterState(last + gap, counted), Grant(count, first, gap)


def give_back(state: LimiterState, count: int) -> LimiterState:
    """The state after so many of the granted messages were not sent; their times are not reused."""
    return state._replace(
        counted={seconds: _subtract(parts, count) for seconds, parts in state.counted.items()}
    )


def slowest_gap(limits: Iterable[RateLimit]) -> float:
    """Seconds between two messages when they are spread evenly over every limit."""
    return max((limit.seconds / limit.most for limit in limits), default=0.0)


def _windows(limits: Iterable[RateLimit]) -> list[RateLimit]:
    """The limits longer than a second in whole messages, the strictest of each period.

    Half a message a minute is one in two minutes.
    """
    whole = [
        limit if limit.most >= 1 else RateLimit(1, limit.seconds / limit.most)
        for limit in limits
        if limit.seconds > 1
    ]
    return list({limit.seconds: limit for limit in sorted(whole, reverse=True)}.values())


def _within(parts: list[tuple[float, int]], seconds: float, start: float) -> list[tuple[float, int]]:
    """The counts that matter at `start`; counts in the future of a corrected clock do not."""
    return [(end, n) for end, n in parts if start - seconds < end < start + seconds + _SKEW]


def _count(parts: list[tuple[float, int]], seconds: float, last: float, count: int) -> None:
    """Count messages in the sixtieth in which the last of them is sent."""
    width = seconds / _PARTS
    end = (math.floor(last / width) + 1) * width
    if parts and parts[-1][0] >= end:
        parts[-1] = (parts[-1][0], parts[-1][1] + count)
    else:
        parts.append((end, count))


def _subtract(parts: list[tuple[float, int]], count: int) -> list[tuple[float, int]]:
    kept = list(parts)
    while kept and count:
        end, n = kept.pop()
        if n > count:
            kept.append((end, n - count))
        count -= min(n, count)
    return kept


def _refusal(
    windows: list[RateLimit], counted: WindowCounts, spaced: float, first: float, gap: float
) -> Grant:
    """When to ask again: when every limit has room for one more."""
    retry_at, blocking = spaced, None
    for limit in windows:
        used = sum(n for _, n in counted[limit.seconds])
        for end, n in counted[limit.seconds]:
            if used < int(limit.most):
                break
            used -= n
            if end + limit.seconds > retry_at:
                retry_at, blocking = end + limit.seconds, limit
    return Grant(0, first, gap, retry_at, blocking)


class WarmUpProgress(NamedTuple):
    """How far a warm-up has come."""

    # The day that is being counted.
    day: date
    # From 0 on the first day.
    step: int
    # Messages of that day with a reply, and how many of them were deferred.
    tried: int = 0
    deferred: int = 0

    @property
    def allowed(self) -> int | None:
        """Messages a day at this step; None: unlimited."""
        return _ALLOWED[self.step] if self.step < len(_ALLOWED) else None


def initial_warm_up(since: date, today: date) -> WarmUpProgress:
    """The progress of a warm-up without a record: as if every day since then had gone well."""
    return WarmUpProgress(today, max((today - since).days, 0))


def advance_warm_up(progress: WarmUpProgress, today: date) -> WarmUpProgress:
    """The progress as of `today`: one step on if the last day had mail and went well, else the same step."""
    if today <= progress.day:
        return progress
    well = progress.tried > 0 and progress.deferred <= _MAX_DEFERRED_SHARE * progress.tried
    return WarmUpProgress(today, progress.step + well)


def record_warm_up(progress: WarmUpProgress, tried: int, deferred: int) -> WarmUpProgress:
    """The progress after so many more replies."""
    return progress._replace(tried=progress.tried + tried, deferred=progress.deferred + deferred)
