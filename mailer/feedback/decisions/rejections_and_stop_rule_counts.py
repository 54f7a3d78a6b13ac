"""What feedback and delivery exchange: rejections come from the ledger, counts go to the stop rules.

Each rejection in our own SMTP sessions is classified like a bounce, once. Each bounce or complaint is counted
once, for the hour in which its delivery was accepted or rejected. Marking rows as read and recording what
follows are one transaction: a crash, or a second worker, repeats nothing and loses nothing.
"""
# ruff: noqa: S608  (queries are joined from constants of this module alone)

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction

from mailer.config.sections import StopMetric
from mailer.delivery.models import Delivery
from mailer.delivery.outcome import ReplyClass
from mailer.delivery.throttle import hourly_outcomes_by_provider
from mailer.delivery.throttle.hourly_outcomes_by_provider import ProviderCounts, StatsBucket
from mailer.feedback.decisions.apply_returned_mail import apply_all
from mailer.feedback.models import FeedbackEvent
from mailer.feedback.parsing.classify_bounce_reasons import classify
from mailer.feedback.parsing.parsed_message import (
    AUTHENTICATED,
    EventSource,
    ParsedReturnedMessage,
    Recipient,
)

log = logging.getLogger(__name__)

# Few at a time: the sender waits for the database meanwhile, and where the worker dies every few seconds, on
# a busy machine, whatever it has not committed by then is never counted, and stops nothing.
_REJECTIONS_BATCH = 20
# SQLite uses the partial index only where a query repeats its condition exactly.
_UNREAD_REJECTIONS = "state = 'refused' AND refusal_processed_at IS NULL"
CLAIM_REJECTIONS = (
    "UPDATE mailer_delivery SET refusal_processed_at = %s "
    f"WHERE id IN (SELECT id FROM mailer_delivery WHERE {_UNREAD_REJECTIONS} ORDER BY id LIMIT %s) "
    f"AND {_UNREAD_REJECTIONS} RETURNING id"
)
# A reason of ours, without a server's reply, says nothing about a subscriber.
_SERVER_REPLY = re.compile(r"[245]\d\d[ -]")


def process_rejections(
    now: datetime, stop: Callable[[], bool] = lambda: False, batch_size: int = _REJECTIONS_BATCH
) -> int:
    """Apply the rejections that were not read yet, in batches until `stop`; returns how many there were."""
    count = 0
    while not stop():
        with transaction.atomic():
            claimed = _claim_rejections(now, batch_size)
            deliveries = Delivery.objects.filter(pk__in=claimed, mailing__dry_run_to="")
            apply_all([_parse(one, now) for one in deliveries if _SERVER_REPLY.match(one.reply)], now)
        count += len(claimed)
        if len(claimed) < batch_size:
            break
    if count:
        log.info("action=smtp_rejections_processed count=%d", count)
    return count


def _claim_rejections(now: datetime, batch_size: int) -> list[int]:
    moment: Any = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(CLAIM_REJECTIONS, [moment, batch_size])
        return [row[0] for row in cursor.fetchall()]


def _parse(delivery: Delivery, now: datetime) -> tuple[ParsedReturnedMessage, EventSource]:
    """What the server's last reply says; that it was sent to our own session authenticates it."""
    recipient = Recipient(
        "", diagnostic=delivery.reply, classification=classify(delivery.reply), found_by="session"
    )
    parsed = ParsedReturnedMessage("bounce", (recipient,), delivery=delivery.pk, identity="session")
    return parsed, EventSource(f"session {delivery.pk}", now)


_EVENTS_BATCH = 500
# SQLite uses the partial index only where a query repeats its condition exactly.
_UNCOUNTED = "counted_at IS NULL"
# An event that the stop rules count waits until its delivery is settled, as the message was just sent: the
# ledger has its acceptance in a moment, or after a crash when it is recovered.
_WAITS = (
    "(bounce_class IN ('hard', 'block') OR kind = 'complaint') AND EXISTS (SELECT 1 FROM mailer_delivery d "
    "WHERE d.id = delivery_id AND d.state IN ('planned', 'claimed', 'deferred', 'in_doubt'))"
)
_CLAIM_EVENTS = (
    "UPDATE mailer_feedbackevent SET counted_at = %s WHERE id IN (SELECT id FROM mailer_feedbackevent "
    f"WHERE {_UNCOUNTED} AND NOT ({_WAITS}) ORDER BY id LIMIT %s) "
    f"AND {_UNCOUNTED} RETURNING id"
)
_Kind, _Class = FeedbackEvent.Kind, FeedbackEvent.Class
_METRICS = {
    (_Kind.COMPLAINT.value, _Class.NONE.value): StopMetric.COMPLAINED,
    (_Kind.BOUNCE.value, _Class.HARD.value): StopMetric.BOUNCED,
    (_Kind.BOUNCE.value, _Class.BLOCK.value): StopMetric.BLOCKED,
}
_COLUMNS = ("kind", "bounce_class", "identity", "delivery", "mailing", "provider", "at")
_DELIVERY_COLUMNS = ("accepted_at", "rejected_at", "reason")


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
    rejected_at: datetime | None
    reason: str

    @property
    def metric(self) -> StopMetric | None:
        sign = _METRICS.get((self.kind, self.bounce_class))
        if self.identity == "session" and (
            # It was never rejected for good: it expired.
            self.rejected_at is None
            # The ledger has counted it.
            or (sign is StopMetric.BLOCKED and self.reason == ReplyClass.BLOCKED)
        ):
            return None
        return sign

    def counts(self, sign: StopMetric) -> tuple[StatsBucket, ProviderCounts]:
        """For the hour for which its delivery was counted."""
        first, second = self.rejected_at, self.accepted_at
        if sign is StopMetric.COMPLAINED:
            first, second = second, first
        counted = ProviderCounts(**{sign: 1})
        if first is None and second is None:
            # The ledger never learned that a server had accepted it.
            counted = counted._replace(attempted=1, accepted=1)
        return StatsBucket(self.mailing, self.provider, first or second or self.at), counted


def add_events_to_hourly_counts(now: datetime, stop: Callable[[], bool] = lambda: False) -> int:
    """Count the events that were not counted yet, in batches until `stop`; returns how many there were.

    For a delivery each sign counts once, however often it is reported, and only when it is authenticated:
    what could be forged stops no mailing.
    """
    count = 0
    while not stop():
        with transaction.atomic():
            claimed = _claim_events(now)
            hourly_outcomes_by_provider.add(list(_counts(claimed)))
        count += len(claimed)
        if len(claimed) < _EVENTS_BATCH:
            break
    return count


def _claim_events(now: datetime) -> list[int]:
    moment: Any = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM_EVENTS, [moment, _EVENTS_BATCH])
        return [row[0] for row in cursor.fetchall()]


def _counts(claimed: Collection[int]) -> Iterator[tuple[StatsBucket, ProviderCounts]]:
    events = FeedbackEvent.objects.filter(
        pk__in=claimed, identity__in=AUTHENTICATED, delivery__isnull=False, mailing__dry_run_to=""
    )
    rows = events.order_by("pk").values_list(*_COLUMNS, *(f"delivery__{name}" for name in _DELIVERY_COLUMNS))
    found = [_Event._make(row) for row in rows]
    counted = _counted_before({event.delivery for event in found}, claimed)
    for event in found:
        sign = event.metric
        if sign is None or (event.delivery, sign) in counted:
            continue
        counted.add((event.delivery, sign))
        yield event.counts(sign)


def _counted_before(deliveries: Iterable[int], claimed: Collection[int]) -> set[tuple[int, StopMetric]]:
    """What was counted for these deliveries before."""
    before = FeedbackEvent.objects.filter(
        delivery__in=deliveries, counted_at__isnull=False, identity__in=AUTHENTICATED
    ).exclude(pk__in=claimed)
    rows = before.values_list("delivery", "kind", "bounce_class")
    signs = ((delivery, _METRICS.get((kind, bounce_class))) for delivery, kind, bounce_class in rows)
    return {(delivery, sign) for delivery, sign in signs if sign is not None}
