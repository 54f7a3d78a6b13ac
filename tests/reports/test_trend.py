"""A newsletter over its editions: those that were sent, with what they came to."""

from __future__ import annotations

import json

import pytest

from mailer.approval.models import SnapshotVariant
from mailer.delivery.models import Mailing
from mailer.reports import trend
from mailer.tracking.models import HitCount, Readership
from tests.reports import cast

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def sent(period: str, months_ago: int, state: str = "done", counting: str = "off") -> Mailing:
    snapshot = cast.copy(cast.edition(period), manifest=json.dumps({"counting": {"clicks": counting}}))
    mailing = cast.mailing(snapshot, state, audience=12)
    mailing.started_at = cast.NOW - cast.DAY * 30 * months_ago
    mailing.save()
    cast.deliver(mailing, "accepted", 9)
    cast.deliver(mailing, "accepted", 1, bounced_at=cast.NOW)
    cast.deliver(mailing, "refused", 2)
    return mailing


def test_editions_that_were_sent_come_newest_first_and_others_not_at_all() -> None:
    for period, age, state in (("2021-10", 2, "done"), ("2021-12", 0, "done"), ("2021-11", 1, "cancelled")):
        sent(period, age, state)
    found = trend.editions_sent(cast.edition("2021-09").newsletter, cast.NOW)
    assert [one.period for one in found] == ["2021-12", "2021-10"]
    assert found[0].account.accepted == 10


def test_an_edition_is_compared_with_earlier_ones_alone() -> None:
    older, middle, newest = sent("2021-10", 2), sent("2021-11", 1), sent("2021-12", 0)
    found = trend.editions_sent(middle.edition.newsletter, cast.NOW, before=middle)
    assert [one.edition for one in found] == [older.edition_id]
    assert newest.edition_id not in [one.edition for one in found]


def test_shares_are_of_those_whom_they_could_be_about() -> None:
    (found,) = trend.editions_sent(sent("2021-12", 0).edition.newsletter, cast.NOW)
    row = trend.trend_table([found]).records()[0]
    assert row["accepted"] == 10 / 12
    assert row["failed"] == 3 / 12
    assert (row["complained"], row["left"], row["clicks"]) == (0, 0, None)


def test_clicks_stand_where_they_were_counted_and_are_not_too_few() -> None:
    mailing = sent("2021-12", 0, counting="anonymous")
    variant = SnapshotVariant.objects.create(
        snapshot=mailing.snapshot, key="k", language="en", subject="s", html="h", text="t", sha256="x"
    )
    Readership.objects.create(variant=variant, readers=10)
    for machine, times in ((False, 7), (True, 90)):
        HitCount.objects.create(
            variant=variant, kind="click", number=1, day=cast.NOW.date(), machine=machine, count=times
        )
    (found,) = trend.editions_sent(mailing.edition.newsletter, cast.NOW)
    assert found.clicks == 7
    HitCount.objects.filter(machine=False).update(count=2)
    (found,) = trend.editions_sent(mailing.edition.newsletter, cast.NOW)
    assert found.clicks is None
