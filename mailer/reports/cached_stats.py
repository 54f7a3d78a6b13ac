"""Which statistics a page shows: a small mailing's are collected live, a large one's are cached by a job."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Q

from mailer.delivery.models import Delivery, Mailing
from mailer.reports.collect import collect, unsubscribe_events
from mailer.reports.models import MailingStats
from mailer.reports.stats import Stats, Totals

# Recipients up to which collecting takes no longer than reading the cache.
LIVE_LIMIT = 5_000
# A mailing in progress is collected again after this time, or after so many times what collecting took.
_PAUSE = timedelta(seconds=2)
_PAUSE_FACTOR = 10
# Deliveries in progress when a mailing ended have a result by then.
_SETTLED_AFTER = timedelta(minutes=10)
# An ended mailing is checked this long for new bounces, and collected again once a day anyway.
_WATCHED = timedelta(days=60)
_DAY = timedelta(days=1)


class Headline(NamedTuple):
    """What a list shows of a mailing."""

    totals: Totals
    # Accepted recipients who unsubscribed since.
    unsubscribes: int


def stats_of(mailing: Mailing, now: datetime, *, live_limit: int = LIVE_LIMIT) -> Stats:
    """The mailing's statistics, cached where its audience exceeds `live_limit`; see `Stats.collected_at`."""
    if (mailing.audience or 0) > live_limit:
        cached = MailingStats.objects.filter(mailing=mailing).first()
        if cached:
            return Stats.from_dict(cached.stats)
    return collect(mailing, now)


def headlines_of(mailings: Iterable[Mailing], now: datetime) -> dict[int, Headline]:
    """The headline of each mailing by its id, from the cache where there is one."""
    listed = list(mailings)
    cached = MailingStats.objects.filter(mailing__in=listed).values_list(
        "mailing_id", "totals", "unsubscribes"
    )
    found = {mailing: Headline(Totals(**totals), unsubscribes) for mailing, totals, unsubscribes in cached}
    return {one.pk: found.get(one.pk) or _headline(collect(one, now)) for one in listed}


def refresh_due(now: datetime) -> list[int]:
    """Refresh the cache of mailings that changed; their ids. Safe to run twice."""
    watched = Q(finished_at=None) | Q(finished_at__gt=now - _WATCHED) | Q(cached_stats=None)
    mailings = Mailing.objects.filter(watched).exclude(audience=None)
    mailings = mailings.select_related("cached_stats", "edition")
    due = [mailing for mailing in mailings.order_by("pk") if _is_due(mailing, now)]
    for mailing in due:
        refresh(mailing, now)
    return [mailing.pk for mailing in due]


def refresh(mailing: Mailing, now: datetime) -> Stats:
    """Collect the mailing's statistics and cache them."""
    # Before collecting: what arrives meanwhile is new the next time.
    event_count, began = _event_count(mailing), time.monotonic()
    stats = collect(mailing, now)
    headline = _headline(stats)
    columns = {
        "stats": stats.as_dict(),
        "totals": headline.totals.as_dict(),
        "unsubscribes": headline.unsubscribes,
        "event_count": event_count,
        "collected_at": now,
        "collect_seconds": time.monotonic() - began,
    }
    MailingStats.objects.update_or_create(mailing=mailing, defaults=columns)
    return stats


def _headline(stats: Stats) -> Headline:
    return Headline(stats.totals, sum(stats.unsubscribes.values()))


def _is_due(mailing: Mailing, now: datetime) -> bool:
    cached: MailingStats | None = getattr(mailing, "cached_stats", None)
    if cached is None:
        return True
    if now - cached.collected_at < max(_PAUSE, timedelta(seconds=cached.collect_seconds * _PAUSE_FACTOR)):
        return False
    if mailing.finished_at is None or cached.collected_at < mailing.finished_at + _SETTLED_AFTER:
        return True
    return now - cached.collected_at >= _DAY or _event_count(mailing) != cached.event_count


def _event_count(mailing: Mailing) -> int:
    """Bounces, complaints and unsubscribes: read from small indexes."""
    rows = Delivery.objects.filter(mailing=mailing)
    return (
        rows.filter(bounced_at__isnull=False).count()
        + rows.filter(complained_at__isnull=False).count()
        + unsubscribe_events(mailing).count()
        + unsubscribe_events(mailing).exclude(reason="").count()
    )
