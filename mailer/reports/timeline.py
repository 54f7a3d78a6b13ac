"""A timeline: counts by minute, put together into as many equal intervals as a chart can show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

# Minutes of an interval: the first of these that needs no more than _MAX_INTERVALS is taken.
_LENGTHS = (1, 5, 15, 60, 180, 720, 1440, 10080)
_MAX_INTERVALS = 36
# A Monday, so that weeks begin on one.
_ORIGIN = datetime(2001, 1, 1)  # noqa: DTZ001  (local times, as a clock on the wall shows them)


@dataclass(frozen=True)
class Interval:
    # Naive local time in the requested zone.
    start: datetime
    count: int


@dataclass(frozen=True)
class Timeline:
    """Intervals of equal length without a gap, from the first with a count to the last."""

    interval_minutes: int
    intervals: tuple[Interval, ...] = ()
    # Counted at an unknown time.
    unknown_time: int = 0

    @property
    def total(self) -> int:
        return sum(interval.count for interval in self.intervals) + self.unknown_time

    @property
    def peak(self) -> Interval | None:
        """The first of the intervals with the highest count."""
        return max(self.intervals, key=lambda interval: interval.count, default=None)


def build_timeline(minutes: Mapping[str, int], zone: str) -> Timeline:
    """From counts by minute to intervals that start at round local times.

    `minutes`: keys such as "2021-12-03 04:05" in UTC ("": unknown). `zone`: an IANA time zone.
    """
    counts: Counter[datetime] = Counter()
    for text, count in minutes.items():
        if text:
            counts[_local(text, zone)] += count
    unknown_time = minutes.get("", 0)
    if not counts:
        return Timeline(_LENGTHS[0], (), unknown_time)
    first, last = min(counts), max(counts)
    length = next((one for one in _LENGTHS if _intervals(first, last, one) <= _MAX_INTERVALS), _LENGTHS[-1])
    summed: Counter[datetime] = Counter()
    for at, count in counts.items():
        summed[_floor(at, length)] += count
    start = _floor(first, length)
    starts = (start + timedelta(minutes=length * index) for index in range(_intervals(first, last, length)))
    return Timeline(length, tuple(Interval(one, summed[one]) for one in starts), unknown_time)


def _local(text: str, zone: str) -> datetime:
    at = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)


def _floor(at: datetime, length: int) -> datetime:
    minutes = int((at - _ORIGIN).total_seconds()) // 60
    return _ORIGIN + timedelta(minutes=minutes - minutes % length)


def _intervals(first: datetime, last: datetime, length: int) -> int:
    return int((_floor(last, length) - _floor(first, length)).total_seconds()) // 60 // length + 1
