"""How something spread over time: minutes gathered into as many steps as a chart can show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

# Minutes that a step may be long: the first that needs no more than _STEPS steps is taken.
_WIDTHS = (1, 5, 15, 60, 180, 720, 1440, 10080)
_STEPS = 36
# A Monday, so that weeks begin on one.
_ORIGIN = datetime(2001, 1, 1)  # noqa: DTZ001  (local times, as a clock on the wall shows them)


@dataclass(frozen=True)
class Step:
    # Local time of the zone that was asked for, as a clock on the wall shows it.
    begins: datetime
    count: int


@dataclass(frozen=True)
class Spread:
    """Steps of equal length without a gap, from the first in which something happened to the last."""

    # Minutes that each is long.
    width: int
    steps: tuple[Step, ...] = ()
    # What happened at an unknown time.
    untimed: int = 0

    @property
    def total(self) -> int:
        return sum(step.count for step in self.steps) + self.untimed

    @property
    def peak(self) -> Step | None:
        """The first of the fullest steps."""
        return max(self.steps, key=lambda step: step.count, default=None)


def spread(minutes: Mapping[str, int], zone: str) -> Spread:
    """From counts by minute, "2021-12-03 04:05" in UTC ("": unknown), to steps on round local times."""
    counts: Counter[datetime] = Counter()
    for text, count in minutes.items():
        if text:
            counts[_local(text, zone)] += count
    untimed = minutes.get("", 0)
    if not counts:
        return Spread(_WIDTHS[0], (), untimed)
    first, last = min(counts), max(counts)
    width = next((one for one in _WIDTHS if _steps(first, last, one) <= _STEPS), _WIDTHS[-1])
    gathered: Counter[datetime] = Counter()
    for moment, count in counts.items():
        gathered[_floor(moment, width)] += count
    begins = _floor(first, width)
    steps = (begins + timedelta(minutes=width * number) for number in range(_steps(first, last, width)))
    return Spread(width, tuple(Step(step, gathered[step]) for step in steps), untimed)


def _local(text: str, zone: str) -> datetime:
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)


def _floor(moment: datetime, width: int) -> datetime:
    past = int((moment - _ORIGIN).total_seconds()) // 60
    return _ORIGIN + timedelta(minutes=past - past % width)


def _steps(first: datetime, last: datetime, width: int) -> int:
    return int((_floor(last, width) - _floor(first, width)).total_seconds()) // 60 // width + 1
