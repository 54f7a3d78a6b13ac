"""Timelines: equal intervals on the newsletter's own clock."""

from __future__ import annotations

import pytest

from mailer.reports.timeline import build_timeline


def test_a_short_mailing_is_shown_by_minute_in_the_newsletters_zone() -> None:
    found = build_timeline({"2021-12-03 04:05": 3, "2021-12-03 04:07": 1}, "Asia/Almaty")
    assert found.interval_minutes == 1
    assert [(f"{step.start:%H:%M}", step.count) for step in found.intervals] == [
        ("10:05", 3),
        ("10:06", 0),
        ("10:07", 1),
    ]


@pytest.mark.parametrize(
    ("last", "width"),
    [
        ("2021-12-03 06:00", 5),
        ("2021-12-03 22:00", 60),
        ("2021-12-09 04:00", 720),
        ("2022-12-03 04:00", 10080),
    ],
)
def test_a_long_mailing_is_shown_in_few_intervals(last: str, width: int) -> None:
    found = build_timeline({"2021-12-03 04:05": 2, last: 5}, "Asia/Almaty")
    assert found.interval_minutes == width
    assert found.total == 7
    assert len(found.intervals) <= 54


def test_days_start_at_midnight_in_the_newsletters_zone() -> None:
    found = build_timeline({"2021-12-03 04:05": 1, "2021-12-30 04:05": 1}, "Asia/Almaty")
    assert {f"{step.start:%H:%M}" for step in found.intervals} == {"00:00"}


def test_counts_at_an_unknown_time_are_in_the_total() -> None:
    assert build_timeline({"": 2}, "UTC").total == 2
