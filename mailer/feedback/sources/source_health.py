"""The health of each source of returned mail: when it is polled next, and when staff are alerted."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime, timedelta

from mailer.backoff import BackoffPolicy
from mailer.delivery.outbox import staff_alerts
from mailer.feedback.models import InboundSource
from subscribers.translate_stored_texts import stored

log = logging.getLogger(__name__)


_BACKOFF = BackoffPolicy(first=5, cap=600)


# Staff are alerted to an error that lasts this long, and again at this interval.
_ALERT_AFTER = timedelta(minutes=15)


_ALERT_AGAIN = timedelta(days=1)


# How often the row of a source is written while nothing changes.
_WRITE_INTERVAL = timedelta(seconds=30)


def is_source_due(url: str, now: datetime) -> bool:
    """Whether the source may be polled now."""
    return not InboundSource.objects.filter(url=url, next_poll_at__gt=now).exists()


def record_source_ok(
    url: str, now: datetime, failed_messages: int = 0, next_poll_after: timedelta = timedelta()
) -> None:
    """The source was read, but for `failed_messages` in it. It is polled again after `next_poll_after`."""
    row, _ = InboundSource.objects.get_or_create(url=url)
    if row.failures:
        log.info("action=inbound_source_recovered source=%d failures=%d", row.pk, row.failures)
    elif (
        row.failed_messages == failed_messages
        and not next_poll_after
        and row.last_read_at
        and row.last_read_at > now - _WRITE_INTERVAL
    ):
        return
    InboundSource.objects.filter(pk=row.pk).update(
        last_read_at=now,
        failed_messages=failed_messages,
        failing_since=None,
        failures=0,
        error="",
        next_poll_at=now + next_poll_after,
        notified_at=None,
    )


def record_source_failure_and_alert(url: str, error: str, now: datetime) -> None:
    """The source could not be read. It is polled again after 5 s, then after twice as long each time, up to
    10 min.
    """
    row, _ = InboundSource.objects.get_or_create(url=url)
    row.failures += 1
    row.failing_since = row.failing_since or now
    row.error = error[:500]
    row.next_poll_at = now + retry_pause(row.failures)
    if row.failures == 1:
        log.warning("action=inbound_source_failed source=%d", row.pk)
    if now - row.failing_since >= _ALERT_AFTER and (
        not row.notified_at or now - row.notified_at >= _ALERT_AGAIN
    ):
        row.notified_at = now
        text = stored(
            "Returned mail has not been read since %(failing_since)s UTC. %(error)s",
            failing_since=f"{row.failing_since:%d %B, %H:%M}",
            error=error,
        )
        staff_alerts.warn(f"inbound_source_{row.pk}", text, None, now, path="/desk/replies/")
    row.save(update_fields=["failures", "failing_since", "error", "next_poll_at", "notified_at"])


def retry_pause(failures: int) -> timedelta:
    """How long to wait after this many failures in a row."""
    return timedelta(seconds=_BACKOFF.delay(failures))


def sources_needing_attention(urls: Collection[str], now: datetime) -> list[InboundSource]:
    """Those of these sources that staff must know of: failing for a while, or with messages that cannot be
    read.
    """
    rows = InboundSource.objects.filter(url__in=urls)
    return [
        row
        for row in rows
        if row.failed_messages or (row.failing_since and now - row.failing_since >= _ALERT_AFTER)
    ]
