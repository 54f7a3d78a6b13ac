"""Figures that are kept: counted again when something changed, and not otherwise."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from mailer.delivery.models import Delivery, Mailing
from mailer.reports import cached_stats
from mailer.reports.models import MailingStats
from tests.reports import cast

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

MINUTE = timedelta(minutes=1)


def sent(accepted: int = 3, ended: datetime = cast.NOW) -> Mailing:
    """A mailing that went to its end."""
    mailing = cast.mailing(cast.snapshot(cast.edition()), "done", audience=accepted)
    mailing.started_at, mailing.finished_at = ended - MINUTE, ended
    mailing.save()
    cast.deliver(mailing, "accepted", accepted)
    return mailing


def bounce(mailing: Mailing, at: datetime) -> None:
    came_back = Delivery.objects.filter(mailing=mailing, bounced_at=None).first()
    assert came_back is not None
    came_back.bounced_at = at
    came_back.save()


def test_an_ended_mailing_is_collected_once() -> None:
    mailing = sent()
    later = cast.NOW + timedelta(hours=1)
    assert cached_stats.refresh_due(later) == [mailing.pk]
    assert cached_stats.refresh_due(later + timedelta(hours=1)) == []


def test_a_bounce_is_collected_whatever_its_date() -> None:
    mailing = sent()
    later = cast.NOW + timedelta(hours=1)
    cached_stats.refresh_due(later)
    bounce(mailing, at=cast.NOW - timedelta(days=2))
    assert cached_stats.refresh_due(later + MINUTE) == [mailing.pk]
    assert MailingStats.objects.get().totals["bounced"] == 1
    assert cached_stats.refresh_due(later + 2 * MINUTE) == []


def test_an_unsubscribe_is_collected() -> None:
    mailing = sent()
    later = cast.NOW + timedelta(hours=1)
    cached_stats.refresh_due(later)
    reader = Delivery.objects.filter(mailing=mailing).first()
    assert reader is not None
    cast.unsubscribe(reader, later, "not_asked_for")
    assert cached_stats.refresh_due(later + MINUTE) == [mailing.pk]
    assert MailingStats.objects.get().unsubscribes == 1
    assert MailingStats.objects.get().stats["unsubscribes"] == {"not_asked_for": 1}


def test_a_mailing_in_progress_is_collected_again_after_a_pause() -> None:
    mailing = cast.mailing(cast.snapshot(cast.edition()), "sending", audience=1)
    cast.deliver(mailing, "planned")
    assert cached_stats.refresh_due(cast.NOW) == [mailing.pk]
    assert cached_stats.refresh_due(cast.NOW + timedelta(seconds=1)) == []
    assert cached_stats.refresh_due(cast.NOW + timedelta(seconds=30)) == [mailing.pk]


def test_the_pause_grows_with_the_time_that_collecting_takes() -> None:
    mailing = cast.mailing(cast.snapshot(cast.edition()), "sending", audience=1)
    cached_stats.refresh(mailing, cast.NOW)
    MailingStats.objects.update(collect_seconds=6)
    assert cached_stats.refresh_due(cast.NOW + timedelta(seconds=59)) == []
    assert cached_stats.refresh_due(cast.NOW + timedelta(seconds=60)) == [mailing.pk]


def test_an_old_mailing_is_collected_only_if_it_never_was() -> None:
    old = sent(ended=cast.NOW - timedelta(days=400))
    assert cached_stats.refresh_due(cast.NOW) == [old.pk]
    assert cached_stats.refresh_due(cast.NOW + timedelta(days=2)) == []


def test_a_mailing_without_an_audience_is_not_collected() -> None:
    cast.mailing(cast.snapshot(cast.edition()), "planning")
    assert cached_stats.refresh_due(cast.NOW) == []


def test_small_mailings_are_live_and_large_ones_cached() -> None:
    mailing = sent(accepted=3)
    cached_stats.refresh(mailing, cast.NOW)
    bounce(mailing, cast.NOW)
    later = cast.NOW + MINUTE
    live = cached_stats.stats_of(mailing, later)
    assert (live.totals.bounced, live.collected_at) == (1, later)
    cached = cached_stats.stats_of(mailing, later, live_limit=2)
    assert (cached.totals.bounced, cached.collected_at) == (0, cast.NOW)


def test_a_large_mailing_without_a_cache_is_collected() -> None:
    assert cached_stats.stats_of(sent(), cast.NOW, live_limit=0).totals.accepted == 3


def test_headlines_come_from_the_cache_where_there_is_one() -> None:
    known, unknown = sent(), cast.mailing(cast.snapshot(cast.edition("2021-11")), audience=1)
    cast.deliver(unknown, "accepted")
    cached_stats.refresh(known, cast.NOW)
    gists = cached_stats.headlines_of([known, unknown], cast.NOW)
    assert {pk: gist.totals.accepted for pk, gist in gists.items()} == {known.pk: 3, unknown.pk: 1}
    assert gists[known.pk] == cached_stats.Headline(cached_stats.stats_of(known, cast.NOW).totals, 0)
