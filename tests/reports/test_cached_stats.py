"""Figures that are kept: counted again when something changed, and not otherwise."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from mailer.delivery.models import Delivery, Mailing
from mailer.reports import cached_stats
from mailer.reports.models import Tally
from tests.reports import cast

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

MINUTE = timedelta(minutes=1)


def sent(accepted: int = 3, ended: datetime = cast.NOW) -> Mailing:
    """A mailing that went to its end."""
    mailing = cast.mailing(cast.copy(cast.edition()), "done", audience=accepted)
    mailing.started_at, mailing.finished_at = ended - MINUTE, ended
    mailing.save()
    cast.deliver(mailing, "accepted", accepted)
    return mailing


def bounce(mailing: Mailing, at: datetime) -> None:
    came_back = Delivery.objects.filter(mailing=mailing, bounced_at=None).first()
    assert came_back is not None
    came_back.bounced_at = at
    came_back.save()


def test_an_ended_mailing_is_counted_once_and_then_left_alone() -> None:
    mailing = sent()
    later = cast.NOW + timedelta(hours=1)
    assert cached_stats.count_due(later) == [mailing.pk]
    assert cached_stats.count_due(later + timedelta(hours=1)) == []


def test_what_comes_back_is_counted_whatever_time_it_claims() -> None:
    mailing = sent()
    later = cast.NOW + timedelta(hours=1)
    cached_stats.count_due(later)
    bounce(mailing, at=cast.NOW - timedelta(days=2))
    assert cached_stats.count_due(later + MINUTE) == [mailing.pk]
    assert Tally.objects.get().account["bounced"] == 1
    assert cached_stats.count_due(later + 2 * MINUTE) == []


def test_who_leaves_is_counted() -> None:
    mailing = sent()
    later = cast.NOW + timedelta(hours=1)
    cached_stats.count_due(later)
    reader = Delivery.objects.filter(mailing=mailing).first()
    assert reader is not None
    cast.departed(reader, later, "not_asked_for")
    assert cached_stats.count_due(later + MINUTE) == [mailing.pk]
    assert Tally.objects.get().left == 1
    assert Tally.objects.get().counts["left"] == {"not_asked_for": 1}


def test_a_mailing_that_moves_is_counted_again_and_again_but_not_all_the_time() -> None:
    mailing = cast.mailing(cast.copy(cast.edition()), "sending", audience=1)
    cast.deliver(mailing, "planned")
    assert cached_stats.count_due(cast.NOW) == [mailing.pk]
    assert cached_stats.count_due(cast.NOW + timedelta(seconds=1)) == []
    assert cached_stats.count_due(cast.NOW + timedelta(seconds=30)) == [mailing.pk]


def test_the_longer_counting_takes_the_longer_it_rests() -> None:
    mailing = cast.mailing(cast.copy(cast.edition()), "sending", audience=1)
    cached_stats.keep(mailing, cast.NOW)
    Tally.objects.update(seconds=6)
    assert cached_stats.count_due(cast.NOW + timedelta(seconds=59)) == []
    assert cached_stats.count_due(cast.NOW + timedelta(seconds=60)) == [mailing.pk]


def test_an_old_mailing_that_was_never_counted_is_and_one_that_was_rests_for_ever() -> None:
    old = sent(ended=cast.NOW - timedelta(days=400))
    assert cached_stats.count_due(cast.NOW) == [old.pk]
    assert cached_stats.count_due(cast.NOW + timedelta(days=2)) == []


def test_a_mailing_without_rows_yet_is_not_counted() -> None:
    cast.mailing(cast.copy(cast.edition()), "planning")
    assert cached_stats.count_due(cast.NOW) == []


def test_a_small_mailing_is_counted_on_the_spot_and_a_large_one_as_it_was_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mailing = sent(accepted=3)
    cached_stats.keep(mailing, cast.NOW)
    bounce(mailing, cast.NOW)
    later = cast.NOW + MINUTE
    assert (
        cached_stats.counts_of(mailing, later).account.bounced,
        cached_stats.counts_of(mailing, later).at,
    ) == (
        1,
        later,
    )
    monkeypatch.setattr(cached_stats, "ON_THE_SPOT", 2)
    assert (
        cached_stats.counts_of(mailing, later).account.bounced,
        cached_stats.counts_of(mailing, later).at,
    ) == (
        0,
        cast.NOW,
    )


def test_a_large_mailing_that_was_never_counted_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached_stats, "ON_THE_SPOT", 0)
    assert cached_stats.counts_of(sent(), cast.NOW).account.accepted == 3


def test_a_list_of_mailings_shows_what_was_counted_last_and_counts_the_others() -> None:
    known, unknown = sent(), cast.mailing(cast.copy(cast.edition("2021-11")), audience=1)
    cast.deliver(unknown, "accepted")
    cached_stats.keep(known, cast.NOW)
    gists = cached_stats.gists_of([known, unknown], cast.NOW)
    assert {pk: gist.account.accepted for pk, gist in gists.items()} == {known.pk: 3, unknown.pk: 1}
    assert gists[known.pk] == cached_stats.Gist(cached_stats.counts_of(known, cast.NOW).account, 0)
