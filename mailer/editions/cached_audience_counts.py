"""Counts of audiences for pages: a large audience as the worker counted it last, others as they are now.

Counting a million subscribers takes seconds. Submitting and planning count anew, whatever is kept here.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple

from mailer.editions.audience import Audience, Combination
from mailer.editions.models import AudienceCount
from subscribers.segments.estimates import KEPT_FOR, is_due
from subscribers.segments.rule_format import InvalidRule

# Audiences up to this number of subscribers are counted for each page.
COUNTED_LIVE = 20_000


class PageCount(NamedTuple):
    """How many subscribers an audience has."""

    # As `Audience.combinations` gives them.
    combinations: tuple[Combination, ...]
    # When they were counted (aware); None: now.
    counted_at: datetime | None

    @property
    def total(self) -> int:
        return sum(one.readers for one in self.combinations)


def cached_or_live_count(audience: Audience, now: datetime) -> PageCount:
    """The worker's count of a large audience, else a new one. Raises InvalidRule."""
    kept = AudienceCount.objects.filter(
        key=_key(audience), total__gt=COUNTED_LIVE, counted_at__gt=now - KEPT_FOR
    ).first()
    if kept is None:
        return PageCount(tuple(audience.combinations()), None)
    rows = (
        Combination(tuple(countries), language, count) for countries, language, count in kept.combinations
    )
    return PageCount(tuple(rows), kept.counted_at)


def refresh_stale_counts(
    audiences: Iterable[Audience], clock: Callable[[], datetime], stop: Callable[[], bool]
) -> int:
    """Count those audiences again whose count is old; returns how many. For the worker."""
    counted = 0
    for key, audience in {_key(audience): audience for audience in audiences}.items():
        kept = AudienceCount.objects.filter(key=key).defer("combinations").first()
        if stop():
            break
        if kept is not None and not is_due(kept.counted_at, kept.seconds, clock()):
            continue
        try:
            _count(key, audience, clock())
        except InvalidRule:
            # The edition's pages say so.
            continue
        counted += 1
    AudienceCount.objects.filter(counted_at__lt=clock() - KEPT_FOR).delete()
    return counted


def _count(key: str, audience: Audience, now: datetime) -> None:
    started = time.monotonic()
    found = audience.combinations()
    AudienceCount.objects.update_or_create(
        key=key,
        defaults={
            "combinations": [[list(one.countries), one.language, one.readers] for one in found],
            "total": sum(one.readers for one in found),
            "counted_at": now,
            "seconds": time.monotonic() - started,
        },
    )


def _key(audience: Audience) -> str:
    definition = json.dumps(audience.as_dict(), sort_keys=True)
    return hashlib.sha256(definition.encode()).hexdigest()
