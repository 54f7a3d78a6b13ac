"""Claimed deliveries, attempts at them and their results: plain records, pure functions, the retry schedule.

Ledger, throttle, engine and transports exchange these records.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from mailer.backoff import BackoffPolicy
from mailer.delivery.models import Delivery
from mailer.delivery.outcome import Outcome, ReplyClass

State = Delivery.State
# Greylisting lets a message pass after 1 to 15 minutes. Jitter spreads what was deferred at once.
RETRIES = BackoffPolicy(schedule=(300, 900, 1_800, 3_600, 7_200, 14_400), jitter=0.1)
# Delays that are skipped for replies that do not change within an hour.
_SKIPPED = {ReplyClass.MAILBOX_FULL: 3, ReplyClass.BLOCKED: 3}
# A block is tried only once more, when staff may have looked into it.
_BLOCKED_ATTEMPTS = 2
# Where there is no other, the clock stands still while the machine is suspended.
_LEASE_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class ClaimedDelivery(NamedTuple):
    """A delivery that this process has claimed, with what its message needs."""

    id: int
    mailing: int
    # 1 for the first attempt; claiming raises it.
    attempt: int
    variant: int
    # 0 in a dry run, so that no personal link leads to a subscriber.
    subscriber: int
    # The subscriber's address and name as they are now.
    email: str
    name: str
    # ISO 3166-1 alpha-2 codes as they were when planned; none means every country.
    countries: tuple[str, ...]
    # Whether the subscriber agreed to be tracked by name.
    tracking_consent: bool = False


# Seconds of a clock that goes on while the process is stopped and while the machine is suspended. It is read
# several times for each message, so it is no function of ours.
lease_clock: Callable[[], float] = partial(time.clock_gettime, _LEASE_CLOCK)


class Deadline(NamedTuple):
    """After it, no final dot of a claim may be sent any more: the lease may end before the reply.

    Either clock decides. Other workers go by the time of day: when that is set forward, they may hold the
    deliveries at once. When it is set back, the other clock goes on.
    """

    # Of lease_clock().
    clock: float
    # Of `now`, which returns the aware UTC time and may be called in any thread.
    at: datetime
    now: Callable[[], datetime]

    def is_over(self) -> bool:
        return lease_clock() >= self.clock or self.now() >= self.at


class SendJob(NamedTuple):
    """A claimed delivery on its way to a transport."""

    claimed: ClaimedDelivery
    # Makes the message when its turn comes, in the form that the transport understands.
    build: Callable[[], Any]
    deadline: Deadline
    # time.monotonic() before which it must not begin.
    not_before: float = 0.0


# A delivery and the outcome of one attempt. A plain pair, because one is made for every message.
Attempt = tuple[ClaimedDelivery, Outcome]


class DeliveryResult(NamedTuple):
    """The new state of a claimed delivery."""

    delivery: int
    # A Delivery.State other than claimed.
    state: str
    # The server's reply, or our own text.
    reply: str = ""
    # For refused, deferred and excluded.
    reason: str = ""
    # For deferred and in doubt.
    due_at: datetime | None = None
    # For accepted.
    accepted_at: datetime | None = None
    # For refused for good, and for blocked.
    rejected_at: datetime | None = None


class GroupedAttempts(NamedTuple):
    """Attempts by what the ledger does with them."""

    # Delivery ids by the server's reply.
    accepted: Mapping[str, list[int]]
    # Tried, and not accepted.
    results: list[DeliveryResult]
    # Not tried.
    not_tried: list[ClaimedDelivery]
    # Not tried, because their session had too many recipients.
    too_many_recipients: list[ClaimedDelivery]
    # Not tried, because their provider is slow.
    slow_provider: list[ClaimedDelivery]


def group(
    attempts: Iterable[Attempt], now: datetime, expires_at: Mapping[int, datetime | None], settle_at: datetime
) -> GroupedAttempts:
    """Group attempts by what follows; `expires_at` is by mailing id, as in `result_of`."""
    found = GroupedAttempts(defaultdict(list), [], [], [], [])
    for claimed, outcome in attempts:
        # Nearly all attempts are accepted, and this thread also keeps the sessions busy: no work for them.
        if outcome.reply_class is ReplyClass.ACCEPTED:
            found.accepted[outcome.reply].append(claimed.id)
        elif outcome.reply_class is ReplyClass.NOT_TRIED:
            found.not_tried.append(claimed)
        elif outcome.reply_class is ReplyClass.PROVIDER_SLOW:
            found.slow_provider.append(claimed)
        elif outcome.reply_class is ReplyClass.TOO_MANY_RECIPIENTS and outcome.code == 452:
            found.too_many_recipients.append(claimed)
        else:
            expiry = expires_at.get(claimed.mailing)
            found.results.append(result_of(claimed.id, claimed.attempt, outcome, now, expiry, settle_at))
    return found


def result_of(
    delivery: int,
    attempt: int,
    outcome: Outcome,
    now: datetime,
    expires_at: datetime | None,
    settle_at: datetime | None = None,
) -> DeliveryResult:
    """The result of an attempt. Deliveries that were not tried have none: they are released.

    A delivery whose next attempt would come after `expires_at` is refused as expired. One in doubt is settled
    at `settle_at` at the earliest.
    """
    reply_class = outcome.reply_class
    if reply_class is ReplyClass.ACCEPTED:
        return DeliveryResult(delivery, State.ACCEPTED, outcome.reply, accepted_at=now)
    if reply_class is ReplyClass.IN_DOUBT:
        return DeliveryResult(delivery, State.IN_DOUBT, outcome.reply, due_at=settle_at)
    if outcome.permanent and reply_class is not ReplyClass.BLOCKED:
        return DeliveryResult(delivery, State.REFUSED, outcome.reply, reply_class, rejected_at=now)
    rejected_at = now if reply_class is ReplyClass.BLOCKED else None
    due_at = next_attempt_at(attempt, now, expires_at, reply_class, _jitter_fraction(delivery, attempt))
    if due_at is not None:
        return DeliveryResult(
            delivery, State.DEFERRED, outcome.reply, reply_class, due_at, rejected_at=rejected_at
        )
    reason = ReplyClass.BLOCKED if reply_class is ReplyClass.BLOCKED else "expired"
    return DeliveryResult(delivery, State.REFUSED, outcome.reply, reason, rejected_at=rejected_at)


def _jitter_fraction(delivery: int, attempt: int) -> float:
    """Between 0 and 1: the same for the same attempt, and evenly spread over deliveries (golden ratio)."""
    return (delivery + attempt) * 0.6180339887498949 % 1


def next_attempt_at(
    attempts: int,
    now: datetime,
    expires_at: datetime | None,
    reply_class: ReplyClass = ReplyClass.TRY_LATER,
    fraction: float = 0.0,
) -> datetime | None:
    """When to try again after so many attempts (at least one); None to give up.

    It is given up if that would be after `expires_at`, and a block after its second attempt. `fraction`,
    between 0 and 1, chooses the jitter.
    """
    if reply_class is ReplyClass.BLOCKED and attempts >= _BLOCKED_ATTEMPTS:
        return None
    skipped = _SKIPPED.get(reply_class, 0)
    due = now + timedelta(seconds=RETRIES.delay(max(attempts, 1) + skipped, fraction))
    return None if expires_at is not None and due >= expires_at else due
