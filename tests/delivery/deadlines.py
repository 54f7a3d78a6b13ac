"""Deadlines of jobs that no send loop made, and what another worker does when leases are over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from mailer.delivery.ledger import claim_and_record, recover_and_finish
from mailer.delivery.ledger.attempt_types_and_retry_schedule import ClaimedDelivery, Deadline, lease_clock
from mailer.delivery.models import Mailing
from tests.delivery.cast import Clock


def _now() -> datetime:
    return datetime.now(UTC)


def deadline(seconds: float = 60.0, now: Callable[[], datetime] = _now) -> Deadline:
    """So many seconds from now, by both clocks; `now` is the time of day."""
    return Deadline(lease_clock() + seconds, now() + timedelta(seconds=seconds), now)


def claimed_by_another_after_a_step(clock: Clock, mailing: Mailing) -> list[ClaimedDelivery]:
    """Set the clock forward by an hour; what another worker claims then, for which all leases are over."""
    clock.move(hours=1)
    recover_and_finish.recover(clock())
    until = clock() + timedelta(hours=1)
    return claim_and_record.claim_or_exclude_due_deliveries(mailing, "other", until, 100, clock())
