"""From what the server said to what the ledger keeps: one pure function."""

from __future__ import annotations

from datetime import datetime

from mailer.delivery import retry
from mailer.delivery.meaning import Meaning, meaning_of
from mailer.delivery.records import Result, State
from mailer.delivery.smtp import Outcome, Verdict


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
    if outcome.verdict is Verdict.ACCEPTED:
        return Result(delivery, State.ACCEPTED, outcome.words, accepted_at=now)
    if outcome.verdict is Verdict.IN_DOUBT:
        return Result(delivery, State.IN_DOUBT, outcome.words, due_at=settle_at)
    meaning = meaning_of(outcome)
    if outcome.verdict is Verdict.REFUSED and meaning is not Meaning.BLOCKED:
        return Result(delivery, State.REFUSED, outcome.words, reason=meaning)
    due_at = retry.next_try(attempt, now, expires_at, meaning, _chance(delivery, attempt))
    if due_at is not None:
        return Result(delivery, State.DEFERRED, outcome.words, reason=meaning, due_at=due_at)
    reason = Meaning.BLOCKED if meaning is Meaning.BLOCKED else "expired"
    return Result(delivery, State.REFUSED, outcome.words, reason=reason)


def _chance(delivery: int, attempt: int) -> float:
    """Between 0 and 1, the same for the same attempt, and spread well over deliveries."""
    return (delivery + attempt) * 0.6180339887498949 % 1
