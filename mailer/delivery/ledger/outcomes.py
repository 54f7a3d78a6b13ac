"""From what the server said to what the ledger keeps: pure functions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from mailer.delivery.ledger import retry
from mailer.delivery.ledger.records import Attempt, Claimed, Result, State
from mailer.delivery.outcome import Outcome, ReplyClass


class Sorted(NamedTuple):
    """Deliveries by what the ledger does with them."""

    # By the server's words.
    accepted: Mapping[str, list[int]]
    # Tried, and not accepted.
    results: list[Result]
    # Not tried.
    untouched: list[Claimed]
    # Likewise, as their session had one recipient too many.
    too_many: list[Claimed]
    # Likewise, as their provider is slow.
    later: list[Claimed]


def sort(
    done: Iterable[Attempt], now: datetime, expiry: Mapping[int, datetime | None], settle_at: datetime
) -> Sorted:
    """Sort what came of deliveries; `expiry` is by mailing, and as `expires_at` of `result_of`."""
    found = Sorted(defaultdict(list), [], [], [], [])
    for claimed, outcome in done:
        # Nearly all are, and each costs the same thread that keeps the sessions in work.
        if outcome.reply_class is ReplyClass.ACCEPTED:
            found.accepted[outcome.reply].append(claimed.id)
        elif outcome.reply_class is ReplyClass.NOT_TRIED:
            found.untouched.append(claimed)
        elif outcome.reply_class is ReplyClass.PROVIDER_SLOW:
            found.later.append(claimed)
        elif outcome.reply_class is ReplyClass.TOO_MANY_RECIPIENTS and outcome.code == 452:
            found.too_many.append(claimed)
        else:
            expires_at = expiry.get(claimed.mailing)
            found.results.append(result_of(claimed.id, claimed.attempt, outcome, now, expires_at, settle_at))
    return found


def result_of(
    delivery: int,
    attempt: int,
    outcome: Outcome,
    now: datetime,
    expires_at: datetime | None,
    settle_at: datetime | None = None,
) -> Result:
    """The result of an attempt; never for what was not tried, which is no result but a release.

    What would be tried again only after `expires_at` is refused as expired. What is in doubt is settled at
    `settle_at` at the earliest.
    """
    if outcome.reply_class is ReplyClass.ACCEPTED:
        return Result(delivery, State.ACCEPTED, outcome.reply, accepted_at=now)
    if outcome.reply_class is ReplyClass.IN_DOUBT:
        return Result(delivery, State.IN_DOUBT, outcome.reply, due_at=settle_at)
    reply_class = outcome.reply_class
    if outcome.permanent and reply_class is not ReplyClass.BLOCKED:
        return Result(delivery, State.REFUSED, outcome.reply, reason=reply_class)
    due_at = retry.next_try(attempt, now, expires_at, reply_class, _chance(delivery, attempt))
    if due_at is not None:
        return Result(delivery, State.DEFERRED, outcome.reply, reason=reply_class, due_at=due_at)
    reason = ReplyClass.BLOCKED if reply_class is ReplyClass.BLOCKED else "expired"
    return Result(delivery, State.REFUSED, outcome.reply, reason=reason)


def _chance(delivery: int, attempt: int) -> float:
    """Between 0 and 1, the same for the same attempt, and spread well over deliveries."""
    return (delivery + attempt) * 0.6180339887498949 % 1
