"""A newsletter over its editions: those that were sent, with what they came to."""

from __future__ import annotations

import json

import pytest

from mailer.approval.models import SnapshotVariant
from mailer.delivery.models import Mailing
from mailer.reports import trend
from mailer.reports.trend import compare_rate
from mailer.tracking.models import DailyEventCount, VariantAudience
from tests.reports import cast

pytestmark = pytest.mark.django_db


def sent(period: str, months_ago: int, state: str = "done", tracking: str = "off") -> Mailing:
    snapshot = cast.snapshot(cast.edition(period), manifest=json.dumps({"tracking": {"clicks": tracking}}))
    mailing = cast.mailing(snapshot, state, audience=12)
    mailing.started_at = cast.NOW - cast.DAY * 30 * months_ago
    mailing.save()
    cast.deliver(mailing, "accepted", 9)
    cast.deliver(mailing, "accepted", 1, bounced_at=cast.NOW)
    cast.deliver(mailing, "refused", 2)
    return mailing


@pytest.mark.both_databases
def test_sent_editions_are_listed_newest_first() -> None:
    for period, age, state in (("2021-10", 2, "done"), ("2021-12", 0, "done"), ("2021-11", 1, "cancelled")):
        sent(period, age, state)
    found = trend.latest_sent_editions(cast.edition("2021-09").newsletter, cast.NOW)
    assert [one.period for one in found] == ["2021-12", "2021-10"]
    assert found[0].totals.accepted == 10


@pytest.mark.both_databases
def test_an_edition_is_compared_with_earlier_ones_only() -> None:
    older, middle, newest = sent("2021-10", 2), sent("2021-11", 1), sent("2021-12", 0)
    found = trend.latest_sent_editions(middle.edition.newsletter, cast.NOW, before=middle)
    assert [one.edition for one in found] == [older.edition_id]
    assert newest.edition_id not in [one.edition for one in found]


def test_each_rate_has_its_own_base() -> None:
    (found,) = trend.latest_sent_editions(sent("2021-12", 0).edition.newsletter, cast.NOW)
    row = trend.trend_table([found]).records()[0]
    assert row["accepted"] == 10 / 12
    assert row["failed"] == 3 / 12
    assert (row["complained"], row["unsubscribed"], row["clicks"]) == (0, 0, None)


def test_clicks_are_shown_where_tracked_and_not_too_few() -> None:
    mailing = sent("2021-12", 0, tracking="anonymous")
    variant = SnapshotVariant.objects.create(
        snapshot=mailing.snapshot, key="k", language="en", subject="s", html="h", text="t", sha256="x"
    )
    VariantAudience.objects.create(variant=variant, recipients=10)
    for bot, times in ((False, 7), (True, 90)):
        DailyEventCount.objects.create(
            variant=variant, kind="click", link_number=1, day=cast.NOW.date(), is_bot=bot, count=times
        )
    (found,) = trend.latest_sent_editions(mailing.edition.newsletter, cast.NOW)
    assert found.clicks == 7
    DailyEventCount.objects.filter(is_bot=False).update(count=2)
    (found,) = trend.latest_sent_editions(mailing.edition.newsletter, cast.NOW)
    assert found.clicks is None


@pytest.mark.parametrize(
    ("part", "whole", "earlier", "words"),
    [
        (20, 1000, [0.02, 0.021, 0.019], "as in usual editions"),
        (80, 1000, [0.02, 0.021, 0.019], "more than in usual editions (2 %)"),
        (5, 1000, [0.04, 0.05], "less than in usual editions (4.5 %)"),
        # One of fifteen says nothing about a trend.
        (1, 15, [0.0, 0.0], "as in usual editions"),
        # Too little to compare with.
        (80, 1000, [0.02], ""),
        (0, 0, [0.02, 0.02], ""),
    ],
)
def test_a_rate_is_compared_with_earlier_editions(
    part: int, whole: int, earlier: list[float], words: str
) -> None:
    assert compare_rate(part, whole, earlier) == words


def test_a_rate_that_may_grow_is_only_ever_more_than_usual() -> None:
    assert compare_rate(0, 1000, [0.04, 0.05], final=False) == ""
    assert compare_rate(45, 1000, [0.04, 0.05], final=False) == ""
    assert compare_rate(99, 1000, [0.04, 0.05], final=False) == "more than in usual editions (4.5 %)"
