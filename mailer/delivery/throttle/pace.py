"""How many messages may leave, and when: pure arithmetic over limits and what was granted before.

A limit of a second spaces messages evenly: what is kept is the moment from which the next may leave (virtual
scheduling, as in GCRA). A limit of a minute, an hour or a day lets them leave at once and counts them in
sixtieths of its period, each until the whole sixtieth is past: no stretch of time as long as the period ever
holds more than the limit, wherever it begins.

Times are seconds since 1970.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

# Seconds ahead that messages are granted: they wait in our own hand for their moment.
AHEAD = 1.0
# Seconds by which the clocks of several machines may differ.
_SKEW = 60.0
_PARTS = 60


class Limit(NamedTuple):
    """At most `most` messages in any `seconds`."""

    most: float
    seconds: float


class Grant(NamedTuple):
    """Leave to send."""

    room: int
    # When the first may leave, and the time from each to the next.
    first: float
    gap: float
    # Where room is 0: when to ask again, and the limit that stands in the way.
    again: float = 0.0
    limit: Limit | None = None

    def moments(self) -> Iterable[float]:
        """When each may leave."""
        return (self.first + number * self.gap for number in range(self.room))


# By a period in seconds: (end of a sixtieth, messages granted in it), oldest first.
Counted = dict[float, list[tuple[float, int]]]


class Kept(NamedTuple):
    """What was granted, as far as it still matters."""

    # When the next may leave.
    next: float = 0.0
    counted: Counted = {}

    @classmethod
    def of(cls, data: dict[str, Any]) -> Kept:
        """From what `data` wrote."""
        counted = data.get("counted", {}).items()
        return cls(data.get("next", 0.0), {float(k): [(end, n) for end, n in v] for k, v in counted})

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {"next": self.next, "counted": {str(k): v for k, v in self.counted.items()}}


def reserve(kept: Kept, limits: Sequence[Limit], wanted: int, now: float) -> tuple[Kept, Grant]:
    """Leave for up to `wanted` messages that begin within the next AHEAD seconds, and what to keep of it.

    Where `now` goes back, because a clock was set right, what was counted in its future is forgotten.
    """
    gap = max((limit.seconds / limit.most for limit in limits if limit.seconds <= 1), default=0.0)
    # What lies further ahead was written by a clock that was wrong.
    first = max(now, kept.next) if kept.next < now + AHEAD + gap + _SKEW else now
    windows = _windows(limits)
    counted = {seconds: _live(kept.counted.get(seconds, []), seconds, first) for _, seconds in windows}
    spaced = wanted
    if gap:
        spaced = min(wanted, math.floor((now + AHEAD - first) / gap) + 1) if first <= now + AHEAD else 0
    left = [int(limit.most) - sum(n for _, n in counted[limit.seconds]) for limit in windows]
    count = max(0, min([spaced, *left]))
    if not count:
        return kept, _refusal(windows, counted, first - AHEAD if gap else now, first, gap)
    last = first + (count - 1) * gap
    for limit in windows:
        _count(counted[limit.seconds], limit.seconds, last, count)
    return Kept(last + gap, counted), Grant(count, first, gap)


def give_back(kept: Kept, count: int) -> Kept:
    """What to keep after so many of the granted messages did not leave; their moments are gone."""
    return kept._replace(counted={seconds: _less(parts, count) for seconds, parts in kept.counted.items()})


def slowest_gap(limits: Iterable[Limit]) -> float:
    """Seconds between two messages when they are spread evenly over every limit."""
    return max((limit.seconds / limit.most for limit in limits), default=0.0)


def _windows(limits: Iterable[Limit]) -> list[Limit]:
    """The limits longer than a second in whole messages, the tightest of each period.

    Half a message a minute is one in two.
    """
    whole = [
        limit if limit.most >= 1 else Limit(1, limit.seconds / limit.most)
        for limit in limits
        if limit.seconds > 1
    ]
    return list({limit.seconds: limit for limit in sorted(whole, reverse=True)}.values())


def _live(parts: list[tuple[float, int]], seconds: float, start: float) -> list[tuple[float, int]]:
    """What still counts at `start`; parts that a clock set back left in the future do not."""
    return [(end, n) for end, n in parts if start - seconds < end < start + seconds + _SKEW]


def _count(parts: list[tuple[float, int]], seconds: float, last: float, count: int) -> None:
    """Count messages in the part in which the last of them leaves."""
    width = seconds / _PARTS
    end = (math.floor(last / width) + 1) * width
    if parts and parts[-1][0] >= end:
        parts[-1] = (parts[-1][0], parts[-1][1] + count)
    else:
        parts.append((end, count))


def _less(parts: list[tuple[float, int]], count: int) -> list[tuple[float, int]]:
    kept = list(parts)
    while kept and count:
        end, n = kept.pop()
        if n > count:
            kept.append((end, n - count))
        count -= min(n, count)
    return kept


def _refusal(windows: list[Limit], counted: Counted, spaced: float, first: float, gap: float) -> Grant:
    """When to ask again: when every limit has room for one more."""
    again, blocking = spaced, None
    for limit in windows:
        used = sum(n for _, n in counted[limit.seconds])
        for end, n in counted[limit.seconds]:
            if used < int(limit.most):
                break
            used -= n
            if end + limit.seconds > again:
                again, blocking = end + limit.seconds, limit
    return Grant(0, first, gap, again, blocking)


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
