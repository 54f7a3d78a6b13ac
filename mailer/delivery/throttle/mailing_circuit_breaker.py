"""The circuit breaker of each mailing: it trips when too many fail for reasons other than recipients'.

Its counts come from the outcome batches that the ledger records, so they survive a crash as the ledger does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from mailer.config.log_masking import mask
from mailer.delivery.ledger.attempt_types_and_retry_schedule import Attempt
from mailer.delivery.ledger.outcome_count_batches import Failures
from mailer.delivery.models import OutcomeBatch
from mailer.delivery.outcome import ReplyClass
from mailer.delivery.throttle import shared_state
from mailer.delivery.throttle.mailbox_providers import provider_of
from mailer.delivery.throttle.shared_state import Data
from subscribers.translate_stored_texts import stored

KEY = "breaker "
# About so many attempts are remembered; older ones fade.
_MEMORY = 100
# It trips above this share of failures, once there are at least so many.
_FAILED_SHARE, _FAILED_MIN = 0.5, 10
# The same for blocks, of which few are too many: repeated blocks last longer each time.
_BLOCKED_SHARE, _BLOCKED_MIN = 0.05, 5
# Each of them is a failure.
_FAILURES = frozenset(
    {
        ReplyClass.CONNECTION_LOST,
        ReplyClass.IN_DOUBT,
        ReplyClass.BLOCKED,
        ReplyClass.COMMAND_REJECTED,
    }
)
# One failure each time a provider asks us to slow down: messages already under way get the same reply.
_SLOW_DOWN = frozenset({ReplyClass.BUSY, ReplyClass.THROTTLED})


class RecentAttempts(NamedTuple):
    """The outcomes of the latest attempts, as fading counts."""

    attempted: float = 0.0
    # Lost connections, replies never read, rejected commands, requests of providers or the relay to slow
    # down, and blocks.
    failed: float = 0.0
    # Refused for reputation or content.
    blocked: float = 0.0


class BreakerTrip(NamedTuple):
    """A mailing that must be paused, and the reason for staff."""

    mailing: int
    reason: str


def with_attempts(recent: RecentAttempts, attempted: int, failed: int, blocked: int) -> RecentAttempts:
    """The counts after so many more attempts, of which `failed` failed and `blocked` of these were blocks."""
    kept = max(_MEMORY - attempted, 0)
    fade = min(1.0, kept / recent.attempted) if recent.attempted else 0.0
    share = min(1.0, _MEMORY / attempted) if attempted else 0.0
    return RecentAttempts(
        recent.attempted * fade + attempted * share,
        recent.failed * fade + failed * share,
        recent.blocked * fade + blocked * share,
    )


def trip_reason(recent: RecentAttempts) -> str:
    """Why sending must stop, for staff; empty when it may go on."""
    if recent.blocked >= _BLOCKED_MIN and recent.blocked > _BLOCKED_SHARE * recent.attempted:
        return stored(
            "%(blocked)s were blocked because of our reputation or the content",
            blocked=_share(recent.blocked, recent),
        )
    if recent.failed >= _FAILED_MIN and recent.failed > _FAILED_SHARE * recent.attempted:
        return stored(
            "%(failed)s failed for reasons that do not depend on the individual recipient",
            failed=_share(recent.failed, recent),
        )
    return ""


def _share(count: float, recent: RecentAttempts) -> str:
    return stored(
        "%(count)s of the last %(attempted)s emails", count=round(count), attempted=round(recent.attempted)
    )


def failures_by_mailing(
    failed: Iterable[Attempt], newly_throttled_providers: Collection[str]
) -> dict[int, Failures]:
    """The failures that a mailing's breaker counts, by mailing id.

    `failed` are attempts that were not accepted, `newly_throttled_providers` the providers that asked us to
    slow down and are left alone from now on.
    """
    found: defaultdict[int, Failures] = defaultdict(Failures)
    uncounted = set(newly_throttled_providers)
    for claimed, (reply_class, reply, _) in failed:
        before = found.get(claimed.mailing, Failures())
        if reply_class in _SLOW_DOWN:
            provider = provider_of(claimed.email)
            if provider in uncounted:
                uncounted.discard(provider)
                found[claimed.mailing] = Failures(before.failed + 1, before.blocked, reply)
        elif reply_class in _FAILURES:
            blocked = reply_class is ReplyClass.BLOCKED
            found[claimed.mailing] = Failures(before.failed + 1, before.blocked + blocked, reply)
    return dict(found)


def add_batch(data: Data, batch: OutcomeBatch) -> Data:
    """The stored counts of a breaker after a batch of outcomes."""
    recent = with_attempts(_recent(data), batch.attempts, batch.failed, batch.blocked)
    return {**recent._asdict(), "reply": batch.reply or data.get("reply", "")}


def find_trip(mailing: int) -> BreakerTrip | None:
    """Whether a mailing must be paused, by the outcomes that were added to its breaker."""
    data = shared_state.read(f"{KEY}{mailing}")
    reason = trip_reason(_recent(data))
    if not reason:
        return None
    return BreakerTrip(
        mailing,
        stored(
            "Sending was stopped automatically: %(reason)s. The server's last reply: %(data)s",
            reason=reason,
            # An earlier release stored it as it came.
            data=mask(data["reply"]),
        ),
    )


def clear_attempt_counts(mailing: int, now: datetime) -> None:
    """Count anew: staff who resume a mailing have seen what failed."""
    shared_state.update(f"{KEY}{mailing}", now, lambda data: ({}, None))


def _recent(data: Data) -> RecentAttempts:
    return RecentAttempts(*(data.get(name, 0.0) for name in RecentAttempts._fields))
