"""Rate limits, counted in the database for all processes; and forms that can be sent only once."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import F

from subscribers.models import RateLimitCounter

# No limit has a longer period, so older counters can be deleted.
_LONGEST_PERIOD = timedelta(days=31)
# How long a form may be open; it is good for one sign-up.
_FORM_LIFETIME = timedelta(days=1)


class Limit(NamedTuple):
    """At most `maximum` times in a period, counted under one key."""

    key: str
    maximum: int
    period: timedelta


class Allowance(NamedTuple):
    """What is left of a limit after a hit."""

    # Whether the hit was within the limit, and so was counted.
    allowed: bool
    remaining: int
    # Seconds until the period ends and the count starts again, rounded up.
    resets_in: int


def count_hit(limit: Limit, now: datetime) -> Allowance:
    """Count one hit, unless the limit is reached."""
    with transaction.atomic():
        row = _locked_counter(limit, now)
        allowed = row.count < limit.maximum
        if allowed:
            RateLimitCounter.objects.filter(pk=row.pk).update(count=F("count") + 1)
    left = (row.started_at + limit.period - now).total_seconds()
    return Allowance(allowed, max(0, limit.maximum - row.count - allowed), max(1, math.ceil(left)))


def count_hit_unless_limited(limits: Iterable[Limit], now: datetime) -> Limit | None:
    """Count one hit under every key; or count nothing and return a limit that is reached."""
    with transaction.atomic():
        wanted = sorted(limits)
        rows = [_locked_counter(one, now) for one in wanted]
        for limit, row in zip(wanted, rows, strict=True):
            if row.count >= limit.maximum:
                return limit
        RateLimitCounter.objects.filter(pk__in=[row.pk for row in rows]).update(count=F("count") + 1)
    return None


def hits_in_period(key: str, period: timedelta, now: datetime) -> int:
    """Hits in the present period."""
    found = RateLimitCounter.objects.filter(key=key, started_at__gt=now - period).first()
    return found.count if found else 0


def delete_expired(now: datetime) -> int:
    """Delete counters that no limit needs any more; how many."""
    return RateLimitCounter.objects.filter(started_at__lt=now - _LONGEST_PERIOD).delete()[0]


def _locked_counter(limit: Limit, now: datetime) -> RateLimitCounter:
    """The key's counter, locked; it starts again when its period is over."""
    RateLimitCounter.objects.bulk_create(
        [RateLimitCounter(key=limit.key, started_at=now, count=0)], ignore_conflicts=True
    )
    row = RateLimitCounter.objects.select_for_update().get(key=limit.key)
    if row.started_at <= now - limit.period:
        row.started_at, row.count = now, 0
        row.save(update_fields=["started_at", "count"])
    return row


def claim_form(nonce: str, now: datetime) -> bool:
    """Claim a form by its nonce; False when it was used before."""
    return count_hit_unless_limited([Limit(f"form {nonce}", 1, _FORM_LIFETIME)], now) is None
