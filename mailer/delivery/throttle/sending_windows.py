"""When mail may leave: hours and days of the week, as the office's clocks show them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from mailer.config import sending


@dataclass(frozen=True)
class Window:
    """From `start` to `end` on some days; where `end` is earlier, past midnight and still of that day."""

    start: time
    end: time
    # Monday is 0.
    days: frozenset[int]
    zone: ZoneInfo

    def is_open(self, now: datetime) -> bool:
        """Whether mail may leave at an aware moment."""
        local = now.astimezone(self.zone)
        shown = local.time()
        today, yesterday = local.weekday(), (local.weekday() - 1) % 7
        if self.start < self.end:
            return self.start <= shown < self.end and today in self.days
        return (shown >= self.start and today in self.days) or (shown < self.end and yesterday in self.days)

    def opens(self, now: datetime) -> datetime:
        """When it is open next, an aware UTC datetime: `now` itself where it is open already."""
        if self.is_open(now):
            return now
        today = now.astimezone(self.zone).date()
        starts = (datetime.combine(today + timedelta(days=n), self.start, self.zone) for n in range(15))
        # A start that the clocks skip in spring comes out later, where the window may be over already.
        return next(
            (at for start in starts if (at := start.astimezone(UTC)) > now and self.is_open(at)),
            now + timedelta(days=1),
        )


def window_of(hours: str, weekdays: Iterable[str], zone: str) -> Window | None:
    """The window that the configuration writes so; None when mail may leave at any time."""
    days = sending.weekdays(weekdays)
    start, end = sending.hours(hours) or (time(), time())
    return None if start == end and len(days) == 7 else Window(start, end, days, ZoneInfo(zone))
