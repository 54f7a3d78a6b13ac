"""After a crash: what the dead were doing is read from their journals, so that nobody is lost for it."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction

from mailer.delivery.ledger import claims, deliveries, housekeeping, journal
from mailer.delivery.ledger.journal import Found
from mailer.delivery.ledger.outcomes import result_of
from mailer.delivery.ledger.records import Result, State
from mailer.delivery.ledger.sql import moment, run
from mailer.delivery.outcome import Outcome, ReplyClass, outcome_of

log = logging.getLogger(__name__)

_NO_REPLY = "the sending process ended before the reply was read"
_NO_LEASE = "the sending process was not heard of in time"
_ROWS = f"""
SELECT id, attempts, state FROM mailer_delivery WHERE state = 'claimed' AND claimed_by = %s
UNION ALL SELECT id, attempts, state FROM mailer_delivery WHERE state = 'in_doubt' AND claimed_by = %s
UNION ALL SELECT mailer_delivery.id, attempts + 1, state
    FROM mailer_claim c JOIN mailer_delivery ON {claims.WITHIN} WHERE c.owner = %s
"""  # noqa: S608


def folder() -> Path:
    """Where this machine's attempt journals are."""
    config = settings.CONFIG
    return config.path(config.storage.path) / "journal"


def recover(now: datetime) -> int:
    """Settle the claims of this machine's dead processes, and of any whose lease ran out; how many they were.

    A claim with a reply in the journal gets that result; one whose dot may have been sent becomes in_doubt;
    the others are due at once, as if they had not been claimed. Where the machine went down, or only a lease
    tells, all become in_doubt.
    """
    count = 0
    for found in journal.dead(folder()):
        count += _replay(found, now)
    return count + _expire_leases(now)


def _replay(found: Found, now: datetime) -> int:
    results: list[Result] = []
    untried: list[int] = []
    settle_at = housekeeping.settle_at(now)
    with transaction.atomic():
        rows = _rows_of(found.owner)
        for delivery, attempt, state in rows:
            spoken = found.attempts.get((delivery, attempt))
            if spoken is not None:
                outcome = outcome_of(spoken.code, spoken.words)
                results.append(result_of(delivery, attempt, outcome, now, None, settle_at))
            elif state != State.IN_DOUBT and ((delivery, attempt) in found.attempts or not found.whole):
                outcome = Outcome(ReplyClass.IN_DOUBT, _NO_REPLY)
                results.append(result_of(delivery, attempt, outcome, now, None, settle_at))
            elif state != State.IN_DOUBT:
                untried.append(delivery)
        deliveries.record(results, found.owner)
        deliveries.release(untried, found.owner, now)
        claims.end(found.owner)
    doubts = sum(result.state == State.IN_DOUBT for result in results)
    log.info(
        "action=recovered owner=%s known=%d in_doubt=%d untried=%d",
        found.owner,
        len(results) - doubts,
        doubts,
        len(untried),
    )
    return len(rows)


def _rows_of(owner: str) -> list[tuple[int, int, str]]:
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, [owner, owner, owner])
        return [(row[0], row[1], row[2]) for row in cursor.fetchall()]


def _expire_leases(now: datetime) -> int:
    settle_at = housekeeping.settle_at(now)
    expired = run(
        "UPDATE mailer_delivery "
        "SET state = 'in_doubt', doubts = doubts + 1, reply = %s, lease_until = NULL, due_at = %s "
        "WHERE state = 'claimed' AND lease_until < %s",
        _NO_LEASE,
        moment(settle_at),
        moment(now),
    )
    return expired + claims.expire(now, _NO_LEASE, settle_at)
