"""The hours and weekdays in which mail may be sent, in the site's time zone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from mailer.config import sending_syntax


@dataclass(frozen=True)
class SendingWindow:
    """From `start` to `end` on some days; an earlier `end` is past midnight and belongs to the same day."""

    start: time
    end: time
    # Monday is 0.
    days: frozenset[int]
    zone: ZoneInfo

    def is_open(self, now: datetime) -> bool:
        """Whether mail may be sent at `now`, an aware datetime."""
        local = now.astimezone(self.zone)
        clock = local.time()
        today, yesterday = local.weekday(), (local.weekday() - 1) % 7
        if self.start < self.end:
            return self.start <= clock < self.end and today in self.days
        return (clock >= self.start and today in self.days) or (clock < self.end and yesterday in self.days)

    def next_opening(self, now: datetime) -> datetime:
        """When it opens next, an aware UTC datetime: `now` itself if it is open."""
        if self.is_open(now):
            return now
        today = now.astimezone(self.zone).date()
        starts = (datetime.combine(today + timedelta(days=n), self.start, self.zone) for n in range(15))
        # A start that daylight saving time skips comes out later, when the window may be over already.
        return next(
            (at for start in starts if (at := start.astimezone(UTC)) > now and self.is_open(at)),
            now + timedelta(days=1),
        )


def sending_window(hours: str, weekdays: Iterable[str], zone: str) -> SendingWindow | None:
    """The window of [sending] hours and weekdays; None when mail may be sent at any time."""
    days = sending_syntax.weekdays(weekdays)
    start, end = sending_syntax.time_range(hours) or (time(), time())
    return None if start == end and len(days) == 7 else SendingWindow(start, end, days, ZoneInfo(zone))
