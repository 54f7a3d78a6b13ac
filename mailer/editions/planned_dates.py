"""When the editions of a newsletter are assembled and sent, by its schedule, and for which periods."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from mailer.editions.models import Newsletter
from mailer.editions.public_holidays import holiday_lookup
from mailer.editions.schedule_rules import (
    EveryTwoWeeks,
    Holidays,
    Occurrence,
    OnHolidays,
    Schedule,
    no_holidays,
)
from mailer.rendering.edition_period import Kind, Period
from mailer.staff_localization import active_language

# A date that passed longer ago is not looked for: every month has one since.
_BACK = timedelta(days=45)


@dataclass(frozen=True)
class PlannedDate:
    """One edition to come: its period, and the times that lead to it (aware, in the newsletter's zone)."""

    period: Period
    assemble_at: datetime
    # Until when a story must be ready.
    cutoff_at: datetime
    # When offices without a story are reminded; None: never.
    remind_offices_at: datetime | None
    # The planned time of sending; None: a person decides.
    send_at: datetime | None
    # Public holidays for which assembly and sending were moved.
    assemble_moved_for: tuple[str, ...] = ()
    send_moved_for: tuple[str, ...] = ()


def period_assembled_on(newsletter: Newsletter, day: date) -> Period:
    """The period of an edition that is assembled on this day."""
    kind = Kind(newsletter.period_kind)
    schedule = Schedule.parse(newsletter.assemble_on) if newsletter.assemble_on else None
    rule = schedule.rule if schedule else None
    period = Period.of(day, kind, rule.since if isinstance(rule, EveryTwoWeeks) else None)
    return period.previous if newsletter.period_offset else period


def occurrences(newsletter: Newsletter, line: str, after: datetime) -> Iterator[Occurrence]:
    """The dates of a line of the newsletter's schedule behind a moment (aware); none if it is empty."""
    if not line:
        return iter(())
    rule = OnHolidays(newsletter.on_holidays)
    # The last working day knows of holidays in any case.
    needed = rule is not OnHolidays.IGNORE or "working-day" in line
    holidays: Holidays = holiday_lookup(newsletter.countries, active_language()) if needed else no_holidays
    return Schedule.parse(line).after(after, newsletter.zone, holidays, rule)


def planned_editions(newsletter: Newsletter, after: datetime) -> Iterator[PlannedDate]:
    """The editions that are assembled behind a moment (aware), one for each period."""
    last: Period | None = None
    for found in occurrences(newsletter, newsletter.assemble_on, after):
        period = period_assembled_on(newsletter, found.day)
        if period != last:
            last = period
            yield _planned(newsletter, period, found)


def next_planned(newsletter: Newsletter, after: datetime, number: int) -> list[PlannedDate]:
    """The next of them."""
    return list(islice(planned_editions(newsletter, after), number))


def last_planned(newsletter: Newsletter, now: datetime) -> PlannedDate | None:
    """The one whose time came last; None before the first, and if the schedule is newer than it.

    The first date of a period counts, although a schedule may name several.
    """
    passed = takewhile(lambda one: one.assemble_at <= now, planned_editions(newsletter, now - _BACK))
    found = max(passed, key=lambda one: one.assemble_at, default=None)
    since = newsletter.schedule_since
    return None if found is None or (since and found.assemble_at <= since) else found


def planned_for(newsletter: Newsletter, period: Period) -> PlannedDate | None:
    """The edition of a period by the schedule; None if it has none."""
    start = datetime.combine(period.first_day, time(), ZoneInfo(newsletter.zone)) - timedelta(days=10)
    limit = (period.next if newsletter.period_offset else period).end + timedelta(days=40)
    for found in planned_editions(newsletter, start):
        if found.period == period:
            return found
        if found.assemble_at.date() > limit:
            break
    return None


def planned_send_after(newsletter: Newsletter, moment: datetime) -> Occurrence | None:
    """The planned sending of an edition that is assembled at a moment (aware)."""
    return next(occurrences(newsletter, newsletter.send_on, moment), None)


def _planned(newsletter: Newsletter, period: Period, found: Occurrence) -> PlannedDate:
    cutoff = found.at - timedelta(hours=newsletter.cutoff_hours)
    days = newsletter.office_reminder_days
    send = planned_send_after(newsletter, found.at)
    return PlannedDate(
        period,
        found.at,
        cutoff,
        cutoff - timedelta(days=days) if days else None,
        send.at if send else None,
        found.moved_for,
        send.moved_for if send else (),
    )
