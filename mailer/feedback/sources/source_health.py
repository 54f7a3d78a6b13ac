"""How each way of taking in returned mail fares: when it is looked at again, and when staff hear of it."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime, timedelta

from mailer.delivery.outbox import alerts
from mailer.feedback.models import WayIn

logger = logging.getLogger(__name__)

_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(minutes=10)
# Trouble that lasts so long is told; what passes by itself sooner is nobody's concern.
_TOLD_AFTER = timedelta(minutes=15)
_TOLD_AGAIN = timedelta(days=1)
# What nothing changed in is written this often.
_STILL_WELL = timedelta(seconds=30)


def is_due(address: str, now: datetime) -> bool:
    """Whether this way is to be looked at: not while it rests."""
    return not WayIn.objects.filter(address=address, due_at__gt=now).exists()


def well(address: str, now: datetime, stuck: int = 0, rest: timedelta = timedelta()) -> None:
    """It was read; `stuck` messages in it could not be taken in. It is looked at again after `rest`."""
    row, _ = WayIn.objects.get_or_create(address=address)
    if row.failures:
        logger.info("action=way_in_works_again way=%d failures=%d", row.pk, row.failures)
    elif row.stuck == stuck and not rest and row.read_at and row.read_at > now - _STILL_WELL:
        return
    WayIn.objects.filter(pk=row.pk).update(
        read_at=now,
        stuck=stuck,
        failing_since=None,
        failures=0,
        trouble="",
        due_at=now + rest,
        told_at=None,
    )


def badly(address: str, trouble: str, now: datetime) -> None:
    """It could not be read, and rests: five seconds, then twice as long each time, ten minutes at most."""
    row, _ = WayIn.objects.get_or_create(address=address)
    row.failures += 1
    row.failing_since = row.failing_since or now
    row.trouble = trouble[:500]
    row.due_at = now + pause(row.failures)
    if row.failures == 1:
        logger.warning("action=way_in_fails way=%d", row.pk)
    if now - row.failing_since >= _TOLD_AFTER and (not row.told_at or now - row.told_at >= _TOLD_AGAIN):
        row.told_at = now
        words = f"Returned mail has not been read since {row.failing_since:%d %B, %H:%M} UTC. {trouble}"
        alerts.warn(f"way_in_{row.pk}", words, None, now, path="/desk/replies/")
    row.save(update_fields=["failures", "failing_since", "trouble", "due_at", "told_at"])


def pause(failures: int) -> timedelta:
    """How long to wait after so many failures in a row."""
    return min(_FIRST_PAUSE * (1 << min(failures - 1, 10)), _LONGEST_PAUSE)


def troubles(addresses: Collection[str], now: datetime) -> list[WayIn]:
    """Of these ways, those that staff should know of: they fail for a while, or hold what cannot be read."""
    rows = WayIn.objects.filter(address__in=addresses)
    return [
        row for row in rows if row.stuck or (row.failing_since and now - row.failing_since >= _TOLD_AFTER)
    ]
