"""Rejections in our own SMTP sessions, classified like bounces: each is taken from the ledger once.

Marking a delivery as read and recording what follows are one transaction: a crash, or a second worker,
repeats nothing and loses nothing.
"""
# ruff: noqa: S608  (queries are joined from constants of this module alone)

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from mailer.delivery.models import Delivery
from mailer.feedback.decisions.apply import apply_all
from mailer.feedback.parsing.classify import classify
from mailer.feedback.parsing.records import EventSource, ParsedReturn, Recipient

log = logging.getLogger(__name__)

# Few at a time: the sender waits for the database meanwhile.
_BATCH = 100
# SQLite uses the partial index only where a query repeats its condition exactly.
_UNREAD = "state = 'refused' AND refusal_processed_at IS NULL"
CLAIM_UNREAD = (
    "UPDATE mailer_delivery SET refusal_processed_at = %s "
    f"WHERE id IN (SELECT id FROM mailer_delivery WHERE {_UNREAD} ORDER BY id LIMIT %s) AND {_UNREAD} "
    "RETURNING id"
)
# A reason of ours, without a server's reply, says nothing about a subscriber.
_SERVER_REPLY = re.compile(r"[245]\d\d[ -]")


def process_new(now: datetime, stop: Callable[[], bool] = lambda: False, batch_size: int = _BATCH) -> int:
    """Apply the rejections that were not read yet, in batches until `stop`; returns how many there were."""
    count = 0
    while not stop():
        with transaction.atomic():
            claimed = _claim(now, batch_size)
            deliveries = Delivery.objects.filter(pk__in=claimed, mailing__dry_run_to="")
            apply_all([_parse(one, now) for one in deliveries if _SERVER_REPLY.match(one.reply)], now)
        count += len(claimed)
        if len(claimed) < batch_size:
            break
    if count:
        log.info("action=smtp_rejections_processed count=%d", count)
    return count


def _claim(now: datetime, batch_size: int) -> list[int]:
    moment: Any = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(CLAIM_UNREAD, [moment, batch_size])
        return [row[0] for row in cursor.fetchall()]


def _parse(delivery: Delivery, now: datetime) -> tuple[ParsedReturn, EventSource]:
    """What the server's last reply says; that it was sent to our own session authenticates it."""
    classification = classify(delivery.reply)
    recipient = Recipient(
        "",
        status=classification.status,
        diagnostic=delivery.reply,
        bounce_class=classification.bounce_class,
        reason=classification.reason,
        rule=classification.rule,
        found_by="session",
    )
    parsed = ParsedReturn("bounce", (recipient,), delivery=delivery.pk, identity="session")
    return parsed, EventSource(f"session {delivery.pk}", now)
