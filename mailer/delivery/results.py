"""From what the server said to what the ledger keeps: one pure function."""

from __future__ import annotations

from datetime import datetime

from mailer.delivery import retry
from mailer.delivery.records import Result, State
from mailer.delivery.smtp import Outcome, Verdict


def result_of(
    delivery: int, attempt: int, outcome: Outcome, now: datetime, expires_at: datetime | None
) -> Result:
    """The result of an attempt; never for UNTOUCHED, which is no result but a release.

    What would be tried again only after `expires_at` is refused as expired.
    """
    if outcome.verdict is Verdict.ACCEPTED:
        return Result(delivery, State.ACCEPTED, outcome.words, accepted_at=now)
    if outcome.verdict is Verdict.IN_DOUBT:
        return Result(delivery, State.IN_DOUBT, outcome.words)
    if outcome.verdict is Verdict.REFUSED:
        return Result(delivery, State.REFUSED, outcome.words, reason="refused")
    due_at = retry.next_try(attempt, now, expires_at)
    if due_at is None:
        return Result(delivery, State.REFUSED, outcome.words, reason="expired")
    return Result(delivery, State.DEFERRED, outcome.words, due_at=due_at)
