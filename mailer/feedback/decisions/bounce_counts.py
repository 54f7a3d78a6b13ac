"""Counts what came back for the stop rules: each event once, for the hour in which its copy left."""
# ruff: noqa: S608  (queries are joined from constants of this module alone)

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction

from mailer.config.stops import Sign
from mailer.delivery.outcome import ReplyClass
from mailer.delivery.throttle import provider_stats
from mailer.delivery.throttle.provider_stats import ProviderCounts, StatsBucket
from mailer.feedback.models import FeedbackEvent
from mailer.feedback.parsing.records import PROOFS

_BATCH = 500
# SQLite uses the partial index only where a query repeats its condition word for word.
_NEW = "counted_at IS NULL"
_TAKE = (
    "UPDATE mailer_feedbackevent SET counted_at = %s "
    f"WHERE id IN (SELECT id FROM mailer_feedbackevent WHERE {_NEW} ORDER BY id LIMIT %s) AND {_NEW} "
    "RETURNING id"
)
_Kind, _Class = FeedbackEvent.Kind, FeedbackEvent.Class
_SIGNS = {
    (_Kind.COMPLAINT.value, _Class.NONE.value): Sign.COMPLAINED,
    (_Kind.BOUNCE.value, _Class.HARD.value): Sign.BOUNCED,
    (_Kind.BOUNCE.value, _Class.BLOCK.value): Sign.BLOCKED,
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
    left: datetime | None
    reason: str

    @property
    def sign(self) -> Sign | None:
        sign = _SIGNS.get((self.kind, self.bounce_class))
        if sign is Sign.BLOCKED and self.identity == "session" and self.reason == ReplyClass.BLOCKED:
            # Whoever sent it has counted it.
            return None
        return sign


def count_new(now: datetime, stop: Callable[[], bool] = lambda: False) -> int:
    """Count the events that were not counted yet, in batches until `stop` says so; how many they were.

    Of a copy each sign counts once, however often it is told, and only what is proved: what anybody could
    have written stops no mailing.
    """
    count = 0
    while not stop():
        with transaction.atomic():
            taken = _take(now)
            provider_stats.add(list(_counts(taken)))
        count += len(taken)
        if len(taken) < _BATCH:
            break
    return count


def _take(now: datetime) -> list[int]:
    moment: Any = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [moment, _BATCH])
        return [row[0] for row in cursor.fetchall()]


def _counts(taken: Collection[int]) -> Iterator[tuple[StatsBucket, ProviderCounts]]:
    events = FeedbackEvent.objects.filter(
        pk__in=taken, identity__in=PROOFS, delivery__isnull=False, mailing__dry_run_to=""
    )
    rows = events.order_by("pk").values_list(*_COLUMNS, "delivery__accepted_at", "delivery__reason")
    found = [_Event._make(row) for row in rows]
    known = _known({event.delivery for event in found}, taken)
    for event in found:
        sign = event.sign
        if sign is None or (event.delivery, sign) in known:
            continue
        known.add((event.delivery, sign))
        yield StatsBucket(event.mailing, event.provider, event.left or event.at), ProviderCounts(**{sign: 1})


def _known(deliveries: Iterable[int], taken: Collection[int]) -> set[tuple[int, Sign]]:
    """What was counted of these deliveries before."""
    before = FeedbackEvent.objects.filter(
        delivery__in=deliveries, counted_at__isnull=False, identity__in=PROOFS
    ).exclude(pk__in=taken)
    rows = before.values_list("delivery", "kind", "bounce_class")
    told = ((delivery, _SIGNS.get((kind, bounce_class))) for delivery, kind, bounce_class in rows)
    return {(delivery, sign) for delivery, sign in told if sign is not None}
