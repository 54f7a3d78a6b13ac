"""Schedules: how a line is read, and which dates it gives in zones whose clocks jump."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.editions.public_holidays import holiday_lookup
from mailer.editions.schedule_rules import POSITIONS, WEEKDAYS, InvalidSchedule, OnHolidays, Schedule
from mailer.rendering.edition_period import Kind, Period

ALMATY = "Asia/Almaty"
# Clocks that are put forward and back, one by half an hour; none of that; and a zone that skipped a day.
ZONES = (ALMATY, "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC", "Pacific/Apia")


def dates(line: str, after: datetime, number: int = 3, zone: str = ALMATY) -> list[str]:
    found = Schedule.parse(line).next_dates(after, number, zone)
    return [f"{one.at:%Y-%m-%d %H:%M %z}" for one in found]


def test_the_zone_change_of_kazakhstan_moves_no_date_on_its_clocks() -> None:
    """On 1 March 2024 all clocks of the country went to UTC+5."""
    february = datetime(2024, 2, 20, tzinfo=UTC)
    assert dates("monthly 1 09:00", february, 2) == ["2024-03-01 09:00 +0500", "2024-04-01 09:00 +0500"]
    assert dates("weekly thursday 09:00", february, 2) == ["2024-02-22 09:00 +0600", "2024-02-29 09:00 +0600"]
    # 23:30 occurs twice on the last day of February; the first one counts.
    assert dates("monthly 29 23:30", february, 2) == ["2024-02-29 23:30 +0600", "2024-03-29 23:30 +0500"]


def test_a_time_that_the_clocks_skip_is_behind_the_gap_and_is_not_lost() -> None:
    march = datetime(2024, 3, 30, tzinfo=UTC)
    assert dates("monthly last sunday 02:30", march, 2, "Europe/Berlin") == [
        "2024-03-31 03:30 +0200",
        "2024-04-28 02:30 +0200",
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("monthly first tuesday 09:00", ["2021-12-07", "2022-01-04", "2022-02-01"]),
        ("monthly last friday 09:00", ["2021-12-31", "2022-01-28", "2022-02-25"]),
        ("monthly 31 09:00", ["2021-12-31", "2022-01-31", "2022-02-28"]),
        ("monthly last-working-day 09:00", ["2021-12-31", "2022-01-31", "2022-02-28"]),
        ("two-weeks friday 09:00 2021-11-24", ["2021-12-10", "2021-12-24", "2022-01-07"]),
        ("cron 0 9 * * 2", ["2021-12-07", "2021-12-14", "2021-12-21"]),
        ("cron 30 9 1 1,7 *", ["2022-01-01", "2022-07-01", "2023-01-01"]),
    ],
)
def test_the_dates_of_each_rule(line: str, expected: list[str]) -> None:
    assert [one[:10] for one in dates(line, datetime(2021, 12, 3, 4, tzinfo=UTC))] == expected
    assert str(Schedule.parse(line)) == line


@pytest.mark.parametrize(
    "line",
    [
        *("", "monthly", "monthly 0 09:00", "monthly 32 09:00", "monthly fifth friday 09:00", "weekly 09:00"),
        *("weekly freitag 09:00", "weekly friday 24:00", "weekly friday 9:00", "two-weeks friday 09:00"),
        *("two-weeks friday 09:00 2021-02-30", "cron 0 9 * *", "cron * 9 * * *", "cron 0 99 * * *"),
        *("cron 0 9 30 2 *", "cron @daily", "daily 09:00", "monthly ٣ 09:00"),
        *("cron 0 9 r(1-5) * *", "cron 0 9 R * *", "cron 0 9 1,r(2-5) * *"),
    ],
)
def test_a_line_that_is_no_schedule_is_refused(line: str) -> None:
    with pytest.raises(InvalidSchedule):
        Schedule.parse(line)


def test_a_public_holiday_moves_a_date_to_a_working_day_and_is_named() -> None:
    known = holiday_lookup(("KZ",))
    schedule, start = Schedule.parse("monthly 21 09:00"), datetime(2022, 3, 1, tzinfo=UTC)
    (ignored,) = schedule.next_dates(start, 1, ALMATY, known)
    (later,) = schedule.next_dates(start, 1, ALMATY, known, OnHolidays.NEXT)
    (earlier,) = schedule.next_dates(start, 1, ALMATY, known, OnHolidays.PREVIOUS)
    # Nauryz is from 21 to 23 March; the 18th is a Friday.
    assert [one.at.date() for one in (ignored, later, earlier)] == [
        *(date(2022, 3, 21), date(2022, 3, 24), date(2022, 3, 18))
    ]
    assert {one.day for one in (later, earlier)} == {date(2022, 3, 21)}
    assert not ignored.moved_for and "Nowruz" in later.moved_for[0]
    assert "Наурыз" in holiday_lookup(("KZ",), "kk")(date(2022, 3, 21))[0]
    # A country without known holidays has none.
    assert not holiday_lookup(("XX",))(date(2022, 1, 1))


_TIMES = st.times().map(lambda one: f"{one:%H:%M}")
_LINES = st.one_of(
    st.builds(lambda day, at: f"monthly {day} {at}", st.integers(1, 31), _TIMES),
    st.builds(
        lambda place, day, at: f"monthly {place} {day} {at}",
        st.sampled_from(sorted(POSITIONS)),
        st.sampled_from(WEEKDAYS),
        _TIMES,
    ),
    st.builds(lambda at: f"monthly last-working-day {at}", _TIMES),
    st.builds(lambda day, at: f"weekly {day} {at}", st.sampled_from(WEEKDAYS), _TIMES),
    st.builds(
        lambda day, at, since: f"two-weeks {day} {at} {since}",
        st.sampled_from(WEEKDAYS),
        _TIMES,
        st.dates(date(2009, 1, 1), date(2011, 1, 1)),
    ),
    st.builds(lambda at, day: f"cron {at.minute} {at.hour} * * {day}", st.times(), st.integers(0, 6)),
)


def names(line: str, day: date) -> bool:
    """Whether the line names the day: read day by day, apart from the product's arithmetic."""
    kind, *words = line.split(" ")
    weekday, last = WEEKDAYS[day.weekday()], calendar.monthrange(day.year, day.month)[1]
    if kind == "weekly":
        return words[0] == weekday
    if kind == "cron":
        return int(words[-1]) == day.isoweekday() % 7
    if kind == "two-weeks":
        since = date.fromisoformat(words[2])
        return words[0] == weekday and day >= since and (day - since).days % 14 < 7
    if words[0] == "last-working-day":
        later = [date(day.year, day.month, one) for one in range(day.day, last + 1)]
        return [one.weekday() < 5 for one in later] == [True] + [False] * (len(later) - 1)
    if words[0].isdigit():
        return day.day == min(int(words[0]), last)
    place = {"first": 0, "second": 1, "third": 2, "fourth": 3}.get(words[0])
    return words[1] == weekday and ((day.day - 1) // 7 == place if place is not None else day.day + 7 > last)


@given(
    line=_LINES,
    start=st.integers(0, 15 * 365 * 24 * 60).map(
        lambda one: datetime(2011, 1, 1, tzinfo=UTC) + timedelta(minutes=one)
    ),
    zone=st.sampled_from(ZONES),
)
@settings(max_examples=150, deadline=None, database=None)
def test_dates_increase_are_in_no_gap_and_agree_with_a_reading_of_every_day(
    line: str, start: datetime, zone: str
) -> None:
    schedule = Schedule.parse(line)
    found = schedule.next_dates(start, 4, zone)
    moments = [one.at.astimezone(UTC) for one in found]
    assert [start, *moments] == sorted({start, *moments})
    # On the clocks of the zone every one of them exists.
    assert [one.at.replace(tzinfo=None) for one in found] == [
        at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for at in moments
    ]
    assert all(one.at.time() == schedule.time or _in_gap(one.day, schedule.time, zone) for one in found)
    day, days = start.astimezone(ZoneInfo(zone)).date() - timedelta(days=2), []
    while day <= found[-1].day:
        days += [day] if names(line, day) else []
        day += timedelta(days=1)
    expected = [one for one in days if one >= found[0].day]
    # Two days of one date at most are lost: where a whole day was skipped.
    assert [one.day for one in found] == expected or zone == "Pacific/Apia"
    # The day before the first one was too early.
    for earlier in (one for one in days if one < found[0].day):
        assert datetime.combine(earlier, schedule.time, ZoneInfo(zone)) <= start


def _in_gap(day: date, at: time, zone: str) -> bool:
    local = datetime.combine(day, at, ZoneInfo(zone))
    return local.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) != local.replace(tzinfo=None)


@given(
    day=st.dates(date(1990, 1, 1), date(2100, 1, 1)),
    kind=st.sampled_from([Kind.MONTH, Kind.WEEK, Kind.TWO_WEEKS, Kind.NAMED]),
)
@settings(max_examples=60, deadline=None, database=None)
def test_periods_follow_each_other_and_are_read_as_they_are_written(day: date, kind: Kind) -> None:
    period = Period.of(day, kind)
    assert period.first_day <= day < period.end
    assert Period.parse(str(period)) == period
    if kind is not Kind.NAMED:
        assert period.next.previous == period and str(period) < str(period.next)
        assert Period.of(period.end, kind) == period.next and period.next.first_day == period.end
