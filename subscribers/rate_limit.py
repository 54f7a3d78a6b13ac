"""How often anything may happen in a time, counted in the database for all processes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import F

from subscribers.models import SignUpCount

# Counts older than the longest period tell nothing any more.
_LONGEST = timedelta(days=31)


class Limit(NamedTuple):
    """At most so often in this time, under one key."""

    key: str
    most: int
    period: timedelta


def take(limits: Iterable[Limit], now: datetime) -> Limit | None:
    """Count one more under every key; or count nothing, and return a limit that is reached."""
    with transaction.atomic():
        wanted = sorted(limits)
        rows = [_row(one, now) for one in wanted]
        for one, row in zip(wanted, rows, strict=True):
            if row.count >= one.most:
                return one
        SignUpCount.objects.filter(pk__in=[row.pk for row in rows]).update(count=F("count") + 1)
    return None


def count(key: str, period: timedelta, now: datetime) -> int:
    """How often it happened in the time under way."""
    found = SignUpCount.objects.filter(key=key, since__gt=now - period).first()
    return found.count if found else 0


def forget(now: datetime) -> int:
    """Delete what no limit goes by any more; how many rows that were."""
    return SignUpCount.objects.filter(since__lt=now - _LONGEST).delete()[0]


def _row(limit: Limit, now: datetime) -> SignUpCount:
    """The key's row, locked; a time that is over begins anew."""
    SignUpCount.objects.bulk_create([SignUpCount(key=limit.key, since=now, count=0)], ignore_conflicts=True)
    row = SignUpCount.objects.select_for_update().get(key=limit.key)
    if row.since <= now - limit.period:
        row.since, row.count = now, 0
        row.save(update_fields=["since", "count"])
    return row
