"""The period that an edition is for: a month, a week, two weeks, or the day of an edition out of turn.

As text a period begins with its first day, so that texts of all kinds are in the order of time:

    2021-12         December 2021
    2021-12-06      the week from Monday, 6 December 2021 (ISO 8601)
    2021-12-06-2w   the two weeks from that Monday
    2021-12-06-n1   the first edition out of turn on that day; such an edition has a name
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

# Every period as text, and its longest form.
PATTERN = r"\d{4}-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01])(?:-2w|-n[1-9]\d?)?)?"
MAX_LENGTH = 16
_TEXT = re.compile(r"(\d{4})-(\d{2})(?:-(\d{2})(?:-(2w)|-n([1-9]\d?))?)?", re.ASCII)
_WEEK = timedelta(weeks=1)


class Kind(StrEnum):
    """How long a period is."""

    MONTH = "month"
    WEEK = "week"
    TWO_WEEKS = "two_weeks"
    # The day of an edition outside of the schedule.
    NAMED = "named"


@dataclass(frozen=True)
class Period:
    """A period. Its first day is the first of a month, a Monday, or any day of an edition out of turn."""

    first_day: date
    kind: Kind = Kind.MONTH
    # Of several editions out of turn on one day, from 1; otherwise 0.
    serial: int = 0

    @classmethod
    def parse(cls, text: str) -> Period:
        """Read a period's text. Raises ValueError, also for a week that does not begin on a Monday."""
        found = _TEXT.fullmatch(text.strip())
        if not found or not 1 <= int(found[1]) <= 9998:
            raise ValueError(text)
        first = date(int(found[1]), int(found[2]), int(found[3] or 1))
        if not found[3]:
            return cls(first)
        if found[5]:
            return cls(first, Kind.NAMED, int(found[5]))
        if first.weekday():
            raise ValueError(text)
        return cls(first, Kind.TWO_WEEKS if found[4] else Kind.WEEK)

    @classmethod
    def of(cls, day: date, kind: Kind = Kind.MONTH, anchor: date | None = None) -> Period:
        """The period that a day falls into. `anchor`: a day in the first of the weeks of every two weeks."""
        if kind is Kind.MONTH:
            return cls(day.replace(day=1))
        if kind is Kind.NAMED:
            return cls(day, kind, 1)
        monday = day - timedelta(days=day.weekday())
        if kind is Kind.TWO_WEEKS:
            start = anchor or date(2001, 1, 1)
            odd = (monday - (start - timedelta(days=start.weekday()))).days // 7 % 2
            monday -= odd * _WEEK
        return cls(monday, kind)

    @classmethod
    def at(cls, now: datetime, zone: str) -> Period:
        """The month that `now` (aware) falls into in an IANA zone."""
        return cls.of(now.astimezone(ZoneInfo(zone)).date())

    @property
    def end(self) -> date:
        """The first day after the period."""
        first = self.first_day
        if self.kind is Kind.MONTH:
            return date(first.year + first.month // 12, first.month % 12 + 1, 1)
        days = {Kind.WEEK: 7, Kind.TWO_WEEKS: 14, Kind.NAMED: 1}[self.kind]
        return first + timedelta(days=days)

    @property
    def last_day(self) -> date:
        return self.end - timedelta(days=1)

    @property
    def next(self) -> Period:
        """The period that begins where this one ends."""
        return Period(self.end, self.kind, self.serial)

    @property
    def previous(self) -> Period:
        """The period that ends where this one begins."""
        before = self.first_day - timedelta(days=1)
        if self.kind is Kind.MONTH:
            return Period.of(before)
        return Period(self.first_day - (self.end - self.first_day), self.kind, self.serial)

    def __str__(self) -> str:
        if self.kind is Kind.MONTH:
            return self.first_day.isoformat()[:7]
        suffix = {Kind.TWO_WEEKS: "-2w", Kind.NAMED: f"-n{self.serial}"}.get(self.kind, "")
        return self.first_day.isoformat() + suffix
