"""Deadlines of jobs that no send loop made."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from mailer.delivery.ledger.attempt_types_and_retry_schedule import Deadline, lease_clock


def _now() -> datetime:
    return datetime.now(UTC)


def deadline(seconds: float = 60.0, now: Callable[[], datetime] = _now) -> Deadline:
    """So many seconds from now, by both clocks; `now` is the time of day."""
    return Deadline(lease_clock() + seconds, now() + timedelta(seconds=seconds), now)
