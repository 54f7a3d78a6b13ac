"""Refusals in our own sessions, judged like any bounce: each is taken from the ledger once.

What the ledger marks as read and what is concluded from it are one transaction: a crash between the two, or
a second worker, repeats nothing and loses nothing.
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
from mailer.feedback.parsing.records import Origin, Reading, Recipient

log = logging.getLogger(__name__)

# Few at a time: whoever sends waits for the database meanwhile.
_BATCH = 100
# SQLite uses the partial index only where a query repeats its condition word for word.
_UNREAD = "state = 'refused' AND refusal_processed_at IS NULL"
_TAKE = (
    "UPDATE mailer_delivery SET refusal_processed_at = %s "
    f"WHERE id IN (SELECT id FROM mailer_delivery WHERE {_UNREAD} ORDER BY id LIMIT %s) AND {_UNREAD} "
    "RETURNING id"
)
# What no server said tells nothing about a reader.
_SERVER = re.compile(r"[245]\d\d[ -]")


def read_new(now: datetime, stop: Callable[[], bool] = lambda: False) -> int:
    """Read the refusals that nobody has read, in batches until `stop` says so; how many there were."""
    count = 0
    while not stop():
        with transaction.atomic():
            taken = _take(now)
            deliveries = Delivery.objects.filter(pk__in=taken, mailing__dry_run_to="")
            apply_all([_reading(one, now) for one in deliveries if _SERVER.match(one.reply)], now)
        count += len(taken)
        if len(taken) < _BATCH:
            break
    if count:
        log.info("action=refusals_read count=%d", count)
    return count


def _take(now: datetime) -> list[int]:
    moment: Any = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [moment, _BATCH])
        return [row[0] for row in cursor.fetchall()]


def _reading(delivery: Delivery, now: datetime) -> tuple[Reading, Origin]:
    """What the server's last words say; that they were said to our own connection is proof."""
    verdict = classify(delivery.reply)
    recipient = Recipient(
        "",
        status=verdict.status,
        diagnostic=delivery.reply,
        bounce_class=verdict.bounce_class,
        reason=verdict.reason,
        rule=verdict.rule,
        found="session",
    )
    reading = Reading("bounce", (recipient,), delivery=delivery.pk, identity="session")
    return reading, Origin(f"session {delivery.pk}", now)
