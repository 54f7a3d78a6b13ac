"""When something happens again and again: rules that are read from a line of text, and the dates they give.

A line is a rule, with a time of day unless it is an expression of cron:

    monthly 3 09:00                    on the 3rd of the month; in a shorter month, on its last day
    monthly first tuesday 09:00        first, second, third, fourth or last, with a day of the week
    monthly last-working-day 09:00     the last day from Monday to Friday that is no public holiday
    weekly friday 09:00
    two-weeks friday 09:00 2021-12-03  every second Friday, counted from the first one on or after a day
    cron 0 9 * * 2                     minute and hour are numbers, so that it is at most once a day

All times are of a zone of the IANA's database. A time that the clocks skip is moved behind the gap, by as
much as they skip; of a time that occurs twice the first one counts (RFC 5545 §3.3.5).
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import count, islice
from zoneinfo import ZoneInfo

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# By the words of a line: from the beginning of the month, or from its end.
POSITIONS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}
LAST_WORKING_DAY = "last-working-day"
_DAY = timedelta(days=1)
_SATURDAY = 5
# No public holidays last longer than that.
_MOVED_AT_MOST = 31
# No rule is asked for dates behind that.
_LAST_YEAR = 9990

# Names of the public holidays on a day; none on an ordinary one.
Holidays = Callable[[date], Sequence[str]]


class InvalidSchedule(ValueError):  # noqa: N818  (a verdict on input)
    """The line is no rule."""


class OnHolidays(StrEnum):
    """What becomes of a date that is a public holiday."""

    IGNORE = ""
    # The next working day, or the one before.
    NEXT = "next"
    PREVIOUS = "previous"


def no_holidays(_day: date) -> Sequence[str]:
    """Of countries that are not known."""
    return ()


@dataclass(frozen=True)
class MonthlyDay:
    # 1 to 31.
    day: int

    def days(self, start: date, holidays: Holidays) -> Iterator[date]:
        """The days on or after `start`, in order, as long as the calendar goes."""
        for first in _months(start):
            found = first.replace(day=min(self.day, _length(first)))
            if found >= start:
                yield found

    def __str__(self) -> str:
        return f"monthly {self.day}"


@dataclass(frozen=True)
class MonthlyWeekday:
    # A value of POSITIONS.
    position: int
    # 0 is Monday.
    weekday: int

    def days(self, start: date, holidays: Holidays) -> Iterator[date]:
        """As of MonthlyDay."""
        for first in _months(start):
            if self.position > 0:
                ahead = (self.weekday - first.weekday()) % 7 + 7 * (self.position - 1)
                found = first + timedelta(days=ahead)
            else:
                last = first.replace(day=_length(first))
                found = last - timedelta(days=(last.weekday() - self.weekday) % 7)
            if found >= start:
                yield found

    def __str__(self) -> str:
        name = next(word for word, value in POSITIONS.items() if value == self.position)
        return f"monthly {name} {WEEKDAYS[self.weekday]}"


@dataclass(frozen=True)
class LastWorkingDay:
    def days(self, start: date, holidays: Holidays) -> Iterator[date]:
        """As of MonthlyDay."""
        for first in _months(start):
            found = first.replace(day=_length(first))
            while not is_working_day(found, holidays) and found.day > 1:
                found -= _DAY
            if found >= start:
                yield found

    def __str__(self) -> str:
        return f"monthly {LAST_WORKING_DAY}"


@dataclass(frozen=True)
class Weekly:
    weekday: int

    def days(self, start: date, holidays: Holidays) -> Iterator[date]:
        """As of MonthlyDay."""
        return _every(7, _on_or_after(start, self.weekday))

    def __str__(self) -> str:
        return f"weekly {WEEKDAYS[self.weekday]}"


@dataclass(frozen=True)
class EveryTwoWeeks:
    weekday: int
    # The first date is the first such weekday on or after this day.
    since: date

    def days(self, start: date, holidays: Holidays) -> Iterator[date]:
        """As of MonthlyDay; none is before `since`."""
        first = _on_or_after(self.since, self.weekday)
        behind = max((start - first).days, 0)
        return _every(14, first + timedelta(days=-(-behind // 14) * 14))

    def __str__(self) -> str:
        return f"two-weeks {WEEKDAYS[self.weekday]}"


@dataclass(frozen=True)
class Cron:
    # Five fields; the first two are numbers.
    expression: str

    def days(self, start: date, holidays: Holidays) -> Iterator[date]:
        """As of MonthlyDay."""
        from croniter import CroniterBadDateError, croniter  # slow, and for this schedule only

        found = croniter(self.expression, datetime.combine(start, time()) - timedelta(minutes=1))
        while True:
            try:
                yield found.get_next(datetime).date()
            except CroniterBadDateError:
                # Such as 30 February.
                return

    def __str__(self) -> str:
        return f"cron {self.expression}"


Rule = MonthlyDay | MonthlyWeekday | LastWorkingDay | Weekly | EveryTwoWeeks | Cron


@dataclass(frozen=True)
class Occurrence:
    # The day that the rule names, which decides the period.
    day: date
    # When it happens (aware, in the zone of the schedule).
    at: datetime
    # The public holidays for which it was moved to another day; empty if it was not.
    moved_for: tuple[str, ...] = ()


@dataclass(frozen=True)
class Schedule:
    """A rule, with the time of day at which it is due."""

    rule: Rule
    time: time

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Read a line. Raises InvalidSchedule, whose message names what is wrong in it, for programs."""
        kind, _space, rest = " ".join(text.split()).partition(" ")
        if kind == "cron":
            return cls(*_cron(rest))
        words = rest.split(" ")
        if kind == "two-weeks" and len(words) == 3:
            rule: Rule = EveryTwoWeeks(_weekday(words[0]), _date(words[2]))
            return cls(rule, _time(words[1]))
        if kind == "weekly" and len(words) == 2:
            return cls(Weekly(_weekday(words[0])), _time(words[1]))
        if kind == "monthly" and len(words) in (2, 3):
            return cls(_monthly(words[:-1]), _time(words[-1]))
        raise InvalidSchedule(text)

    def __str__(self) -> str:
        if isinstance(self.rule, Cron):
            return str(self.rule)
        since = f" {self.rule.since}" if isinstance(self.rule, EveryTwoWeeks) else ""
        return f"{self.rule} {self.time:%H:%M}{since}"

    def after(
        self,
        moment: datetime,
        zone: str,
        holidays: Holidays = no_holidays,
        on_holidays: OnHolidays = OnHolidays.IGNORE,
    ) -> Iterator[Occurrence]:
        """The dates behind `moment` (aware), in strictly increasing order; zone: the IANA's name of it.

        Of several dates that holidays move to one day, the first counts.
        """
        where = ZoneInfo(zone)
        last = moment
        # Holidays may move a date from before the moment to behind it.
        margin = timedelta(days=_MOVED_AT_MOST if on_holidays is OnHolidays.NEXT else 2)
        for day in self.rule.days(moment.astimezone(where).date() - margin, holidays):
            if day.year > _LAST_YEAR:
                return
            moved, names = _moved(day, holidays, on_holidays)
            at = resolve_local_time(moved, self.time, where)
            if at > last:
                last = at
                yield Occurrence(day, at, names)

    def next_dates(
        self,
        moment: datetime,
        number: int,
        zone: str,
        holidays: Holidays = no_holidays,
        on_holidays: OnHolidays = OnHolidays.IGNORE,
    ) -> list[Occurrence]:
        """The next dates behind `moment`, at most so many."""
        return list(islice(self.after(moment, zone, holidays, on_holidays), number))


def resolve_local_time(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The moment at which clocks of the zone show a time: behind a gap, and the first one of two."""
    return datetime.combine(day, at, zone).astimezone(UTC).astimezone(zone)


def is_working_day(day: date, holidays: Holidays) -> bool:
    """Whether it is a day from Monday to Friday without a public holiday."""
    return day.weekday() < _SATURDAY and not holidays(day)


def _moved(day: date, holidays: Holidays, on_holidays: OnHolidays) -> tuple[date, tuple[str, ...]]:
    """The day, or a working day near it if it is a public holiday, with the names of the holiday."""
    names = () if on_holidays is OnHolidays.IGNORE else tuple(holidays(day))
    if not names:
        return day, ()
    step = _DAY if on_holidays is OnHolidays.NEXT else -_DAY
    moved = day
    for _ in range(_MOVED_AT_MOST):
        moved += step
        if is_working_day(moved, holidays):
            return moved, names
    return day, ()


def _months(start: date) -> Iterator[date]:
    """The first days of the months from that of `start` on."""
    for number in count(start.year * 12 + start.month - 1):
        if number // 12 > _LAST_YEAR:
            return
        yield date(number // 12, number % 12 + 1, 1)


def _length(month: date) -> int:
    return calendar.monthrange(month.year, month.month)[1]


def _every(days: int, first: date) -> Iterator[date]:
    day = first
    while day.year <= _LAST_YEAR:
        yield day
        day += timedelta(days=days)


def _on_or_after(day: date, weekday: int) -> date:
    return day + timedelta(days=(weekday - day.weekday()) % 7)


def _monthly(words: Sequence[str]) -> Rule:
    if words == [LAST_WORKING_DAY]:
        return LastWorkingDay()
    if len(words) == 2 and words[0] in POSITIONS:
        return MonthlyWeekday(POSITIONS[words[0]], _weekday(words[1]))
    if len(words) == 1 and re.fullmatch(r"[1-9]|[12][0-9]|3[01]", words[0]):
        return MonthlyDay(int(words[0]))
    raise InvalidSchedule(" ".join(words))


def _weekday(word: str) -> int:
    if word not in WEEKDAYS:
        raise InvalidSchedule(word)
    return WEEKDAYS.index(word)


def _time(word: str) -> time:
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", word):
        raise InvalidSchedule(word)
    return time.fromisoformat(word)


def _date(word: str) -> date:
    try:
        found = date.fromisoformat(word)
    except ValueError as error:
        raise InvalidSchedule(word) from error
    if not 1900 <= found.year <= _LAST_YEAR:
        raise InvalidSchedule(word)
    return found


def _cron(expression: str) -> tuple[Cron, time]:
    from croniter import CroniterBadCronError, CroniterBadDateError, croniter

    fields = expression.split(" ")
    number = re.compile(r"\d{1,2}", re.ASCII)
    # "R" is another day at random, whenever it is asked for.
    is_random = re.search(r"(?:^|[ ,])r(?:[(/, ]|$)", expression, re.IGNORECASE)
    if len(fields) != 5 or is_random or not all(number.fullmatch(one) for one in fields[:2]):
        raise InvalidSchedule(expression)
    try:
        # A day that never comes is refused too.
        croniter(expression, datetime(2024, 1, 1)).get_next(datetime)  # noqa: DTZ001
    except (CroniterBadCronError, CroniterBadDateError) as error:
        raise InvalidSchedule(expression) from error
    return Cron(expression), time(int(fields[1]), int(fields[0]))
