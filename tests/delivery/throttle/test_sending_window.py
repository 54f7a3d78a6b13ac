from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.config import sending_syntax
from mailer.delivery.throttle.sending_window import sending_window

ALMATY = "Asia/Almaty"


def at(text: str, zone: str = ALMATY, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)


def test_it_is_open_between_two_times_of_the_day():
    window = sending_window("08:00-20:00", (), ALMATY)
    assert not window.is_open(at("2021-12-03 07:59:59"))
    assert window.is_open(at("2021-12-03 08:00")) and window.is_open(at("2021-12-03 19:59:59"))
    assert not window.is_open(at("2021-12-03 20:00"))
    assert window.next_opening(at("2021-12-03 20:00")) == at("2021-12-04 08:00")


def test_a_window_past_midnight_belongs_to_the_day_it_begins_on():
    window = sending_window("22:00-06:00", ("fri",), ALMATY)
    friday, saturday = "2021-12-03", "2021-12-04"
    assert window.is_open(at(f"{friday} 23:00")) and window.is_open(at(f"{saturday} 05:59"))
    assert not window.is_open(at(f"{friday} 05:00")) and not window.is_open(at(f"{saturday} 23:00"))
    assert window.next_opening(at(f"{saturday} 06:00")) == at("2021-12-10 22:00")


def test_weekdays_without_hours_are_whole_days():
    window = sending_window("", ("Mon", "tuesday"), ALMATY)
    assert window.next_opening(at("2021-12-03 12:00")) == at("2021-12-06 00:00")
    assert window.is_open(at("2021-12-07 23:59:59")) and not window.is_open(at("2021-12-08 00:00"))


def test_the_end_of_the_day_may_be_24_00():
    assert sending_window("08:00-24:00", (), ALMATY).is_open(at("2021-12-03 23:59"))
    assert sending_window("00:00-24:00", (), ALMATY) is None


def test_without_hours_and_days_there_is_no_window():
    assert sending_window("", (), ALMATY) is None
    assert sending_window("", sending_syntax.DAYS, ALMATY) is None


@pytest.mark.parametrize(
    ("before", "opens"),
    [
        # Berlin's clocks skip 02:00 to 03:00 on 27 March 2022, and show it twice on 30 October.
        ("2022-03-26 21:00", "2022-03-27 08:00"),
        ("2022-10-29 21:00", "2022-10-30 08:00"),
    ],
)
def test_daylight_saving_changes_follow_local_time(before, opens):
    window = sending_window("08:00-20:00", (), "Europe/Berlin")
    assert window.next_opening(at(before, "Europe/Berlin")) == at(opens, "Europe/Berlin").astimezone(UTC)


def test_a_window_skipped_by_daylight_saving_does_not_open_that_day():
    window = sending_window("02:10-02:50", (), "Europe/Berlin")
    assert window.next_opening(at("2022-03-26 22:00", "Europe/Berlin")) == at(
        "2022-03-28 02:10", "Europe/Berlin"
    )


@given(
    st.integers(0, 365 * 24 * 60),
    st.tuples(st.integers(0, 47), st.integers(0, 47)).filter(lambda pair: pair[0] != pair[1]),
    st.sets(st.sampled_from(sending_syntax.DAYS), min_size=1),
    st.sampled_from([ALMATY, "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
)
def test_it_opens_at_its_next_opening_and_not_before(minutes, halves, days, zone):
    now = datetime(2022, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    start, end = (f"{half // 2:02}:{half % 2 * 30:02}" for half in halves)
    window = sending_window(f"{start}-{end}", sorted(days), zone)
    opens = window.next_opening(now)
    assert opens >= now and window.is_open(opens)
    if opens > now and opens - now < timedelta(days=8):
        assert not window.is_open(opens - timedelta(minutes=31)) or opens - timedelta(minutes=31) < now
