"""How often anything may happen in a time, counted in the database for all processes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import F

from subscribers.models import RateLimitCounter

# Counts older than the longest period tell nothing any more.
_LONGEST_PERIOD = timedelta(days=31)


class Limit(NamedTuple):
    """At most so often in this time, under one key."""

    key: str
    maximum: int
    period: timedelta


def hit(limits: Iterable[Limit], now: datetime) -> Limit | None:
    """Count one more under every key; or count nothing, and return a limit that is reached."""
    with transaction.atomic():
        wanted = sorted(limits)
        rows = [_locked_counter(one, now) for one in wanted]
        for limit, row in zip(wanted, rows, strict=True):
            if row.count >= limit.maximum:
                return limit
        RateLimitCounter.objects.filter(pk__in=[row.pk for row in rows]).update(count=F("count") + 1)
    return None


def count(key: str, period: timedelta, now: datetime) -> int:
    """How often it happened in the time under way."""
    found = RateLimitCounter.objects.filter(key=key, started_at__gt=now - period).first()
    return found.count if found else 0


def delete_expired(now: datetime) -> int:
    """Delete what no limit goes by any more; how many rows that were."""
    return RateLimitCounter.objects.filter(started_at__lt=now - _LONGEST_PERIOD).delete()[0]


def _locked_counter(limit: Limit, now: datetime) -> RateLimitCounter:
    """The key's row, locked; a time that is over begins anew."""
    RateLimitCounter.objects.bulk_create(
        [RateLimitCounter(key=limit.key, started_at=now, count=0)], ignore_conflicts=True
    )
    row = RateLimitCounter.objects.select_for_update().get(key=limit.key)
    if row.started_at <= now - limit.period:
        row.started_at, row.count = now, 0
        row.save(update_fields=["started_at", "count"])
    return row
