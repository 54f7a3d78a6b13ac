"""Counts of audiences on pages: kept by the worker where an audience is large."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from mailer.approval import audience_count_job
from mailer.editions import cached_audience_counts
from mailer.editions.audience import Audience
from mailer.editions.models import AudienceCount, Edition
from tests import cast

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
NOW = timezone.now()


@pytest.fixture
def edition(monkeypatch: pytest.MonkeyPatch) -> Edition:
    """An edition with one subscriber, which is a large audience here."""
    monkeypatch.setattr(cached_audience_counts, "COUNTED_LIVE", 0)
    cast.reader("aigul", ("KZ", "UZ"), "kk")
    return cast.december()


def count(when: timedelta = timedelta()) -> int:
    return audience_count_job.refresh_audience_counts(lambda: NOW + when, lambda: False)


def test_a_large_audience_is_shown_as_the_worker_counted_it(edition: Edition) -> None:
    audience = Audience.of_edition(edition, NOW)
    before = cached_audience_counts.cached_or_live_count(audience, NOW)
    assert (before.total, before.counted_at) == (1, None)
    # The newsletter has the same audience.
    assert count() == 1
    cast.reader("timur", (), "ru")
    kept = cached_audience_counts.cached_or_live_count(audience, NOW)
    assert (kept.total, kept.counted_at) == (1, NOW)
    assert kept.combinations == before.combinations
    assert (count(timedelta(minutes=1)), count(timedelta(minutes=6))) == (0, 1)
    assert cached_audience_counts.cached_or_live_count(audience, NOW).total == 2
    # Without a worker, an old count is not shown.
    tomorrow = NOW + timedelta(days=2)
    assert cached_audience_counts.cached_or_live_count(audience, tomorrow).counted_at is None


def test_a_small_audience_is_counted_for_each_page(edition: Edition, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached_audience_counts, "COUNTED_LIVE", 1)
    count()
    cast.reader("timur", (), "ru")
    assert cached_audience_counts.cached_or_live_count(Audience.of_edition(edition, NOW), NOW).total == 2


def test_counting_takes_a_hundredth_of_the_time(edition: Edition) -> None:
    count()
    AudienceCount.objects.update(seconds=30)
    assert (count(timedelta(minutes=40)), count(timedelta(minutes=51))) == (0, 1)
