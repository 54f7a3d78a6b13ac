"""Counts bounces and complaints for the stop rules: each event once, for the hour in which its delivery was
accepted.
"""
# ruff: noqa: S608  (queries are joined from constants of this module alone)

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction

from mailer.config.sections import StopMetric
from mailer.delivery.outcome import ReplyClass
from mailer.delivery.throttle import provider_stats
from mailer.delivery.throttle.provider_stats import ProviderCounts, StatsBucket
from mailer.feedback.models import FeedbackEvent
from mailer.feedback.parsing.records import AUTHENTICATED

_BATCH = 500
# SQLite uses the partial index only where a query repeats its condition exactly.
_UNCOUNTED = "counted_at IS NULL"
_CLAIM = (
    "UPDATE mailer_feedbackevent SET counted_at = %s "
    f"WHERE id IN (SELECT id FROM mailer_feedbackevent WHERE {_UNCOUNTED} ORDER BY id LIMIT %s) "
    f"AND {_UNCOUNTED} RETURNING id"
)
_Kind, _Class = FeedbackEvent.Kind, FeedbackEvent.Class
_SIGNS = {
    (_Kind.COMPLAINT.value, _Class.NONE.value): StopMetric.COMPLAINED,
    (_Kind.BOUNCE.value, _Class.HARD.value): StopMetric.BOUNCED,
    (_Kind.BOUNCE.value, _Class.BLOCK.value): StopMetric.BLOCKED,
}
_COLUMNS = ("kind", "bounce_class", "identity", "delivery", "mailing", "provider", "at")


class _Event(NamedTuple):
    kind: str
    bounce_class: str
    identity: str
    delivery: int
    mailing: int
    provider: str
    at: datetime
    # Of its delivery.
    accepted_at: datetime | None
    reason: str

    @property
    def sign(self) -> StopMetric | None:
        sign = _SIGNS.get((self.kind, self.bounce_class))
        if sign is StopMetric.BLOCKED and self.identity == "session" and self.reason == ReplyClass.BLOCKED:
            # The sending engine has counted it.
            return None
        return sign


def count_new(now: datetime, stop: Callable[[], bool] = lambda: False) -> int:
    """Count the events that were not counted yet, in batches until `stop`; returns how many there were.

    For a delivery each sign counts once, however often it is reported, and only when it is authenticated:
    what could be forged stops no mailing.
    """
    count = 0
    while not stop():
        with transaction.atomic():
            claimed = _claim(now)
            provider_stats.add(list(_counts(claimed)))
        count += len(claimed)
        if len(claimed) < _BATCH:
            break
    return count


def _claim(now: datetime) -> list[int]:
    moment: Any = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [moment, _BATCH])
        return [row[0] for row in cursor.fetchall()]


def _counts(claimed: Collection[int]) -> Iterator[tuple[StatsBucket, ProviderCounts]]:
    events = FeedbackEvent.objects.filter(
        pk__in=claimed, identity__in=AUTHENTICATED, delivery__isnull=False, mailing__dry_run_to=""
    )
    rows = events.order_by("pk").values_list(*_COLUMNS, "delivery__accepted_at", "delivery__reason")
    found = [_Event._make(row) for row in rows]
    counted = _counted_before({event.delivery for event in found}, claimed)
    for event in found:
        sign = event.sign
        if sign is None or (event.delivery, sign) in counted:
            continue
        counted.add((event.delivery, sign))
        yield (
            StatsBucket(event.mailing, event.provider, event.accepted_at or event.at),
            ProviderCounts(**{sign: 1}),
        )


def _counted_before(deliveries: Iterable[int], claimed: Collection[int]) -> set[tuple[int, StopMetric]]:
    """What was counted for these deliveries before."""
    before = FeedbackEvent.objects.filter(
        delivery__in=deliveries, counted_at__isnull=False, identity__in=AUTHENTICATED
    ).exclude(pk__in=claimed)
    rows = before.values_list("delivery", "kind", "bounce_class")
    signs = ((delivery, _SIGNS.get((kind, bounce_class))) for delivery, kind, bounce_class in rows)
    return {(delivery, sign) for delivery, sign in signs if sign is not None}
