"""Totals of mailings and editions, and timelines: equal intervals in the newsletter's time zone."""

from __future__ import annotations

from typing import Any

import pytest

from mailer.reports import stats as reports
from mailer.reports.stats import build_timeline
from tests.reports import cast

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def test_every_recipient_is_in_the_totals_once(django_assert_num_queries: Any) -> None:
    mailing = cast.mailing(cast.snapshot(cast.edition()), audience=20)
    for state, readers in [("planned", 2), ("claimed", 1), ("accepted", 6), ("deferred", 3), ("in_doubt", 1)]:
        cast.deliver(mailing, state, readers)
    cast.deliver(mailing, "refused", 2, reason="unknown_user")
    cast.deliver(mailing, "excluded", 4, reason="suppressed")
    cast.deliver(mailing, "excluded", 1, reason="no_stories")
    with django_assert_num_queries(1):
        account = reports.mailing_totals(mailing)
    assert account.balances
    assert account.as_dict() == {
        "audience": 20,
        "planned": 2,
        "claimed": 1,
        "accepted": 6,
        "deferred": 3,
        "refused": 2,
        "in_doubt": 1,
        "bounced": 0,
        "complained": 0,
        "excluded": {"no_stories": 1, "suppressed": 4},
    }


def test_a_bounced_delivery_stays_accepted() -> None:
    mailing = cast.mailing(cast.snapshot(cast.edition()), audience=3)
    cast.deliver(mailing, "accepted", 1)
    cast.deliver(mailing, "accepted", 1, bounced_at=cast.NOW)
    cast.deliver(mailing, "accepted", 1, complained_at=cast.NOW)
    account = reports.mailing_totals(mailing)
    assert (account.accepted, account.bounced, account.complained) == (3, 1, 1)
    assert account.balances


def test_totals_with_a_missing_delivery_do_not_balance() -> None:
    mailing = cast.mailing(cast.snapshot(cast.edition()), audience=2)
    cast.deliver(mailing, "accepted", 1)
    assert not reports.mailing_totals(mailing).balances


def test_totals_balance_while_the_mailing_is_planned() -> None:
    mailing = cast.mailing(cast.snapshot(cast.edition()), "planning")
    cast.deliver(mailing, "planned", 2)
    assert reports.mailing_totals(mailing).audience == 2
    assert reports.mailing_totals(mailing).balances


def test_an_edition_without_a_mailing_has_totals_of_zero() -> None:
    account = reports.latest_mailing_totals(cast.edition())
    assert account == reports.Totals()
    assert account.balances


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
