"""Periods: the month that names an edition, and the days that it spans."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo


class InvalidPeriod(ValueError):  # noqa: N818  (a verdict on input)
    """The period is not a year and month such as 2021-12."""


@dataclass(frozen=True)
class Period:
    """A calendar month."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> Period:
        """Read "2021-12"; raises InvalidPeriod."""
        match = re.fullmatch(r"(\d{4})-(\d{2})", text.strip())
        if not match or not 1 <= int(match[2]) <= 12 or not 1 <= int(match[1]) <= 9998:
            raise InvalidPeriod(f"“{text}” is not a period; write year and month, such as 2021-12.")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def at(cls, now: datetime, zone: str) -> Period:
        """The month that `now` (aware) falls into in an IANA zone."""
        return cls.of(now.astimezone(ZoneInfo(zone)).date())

    @classmethod
    def of(cls, day: date) -> Period:
        """The month that a day falls into."""
        return cls(day.year, day.month)

    @property
    def first_day(self) -> date:
        return date(self.year, self.month, 1)

    @property
    def end(self) -> date:
        """The first day after the period."""
        return date(self.year + self.month // 12, self.month % 12 + 1, 1)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"
