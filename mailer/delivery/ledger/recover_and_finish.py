"""Keeps the ledger consistent around sending.

Recovers the claims of dead processes, settles deliveries in doubt, expires and finishes mailings.
"""
# ruff: noqa: S608  (queries are joined from constants of this module alone)

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from mailer.delivery.ledger import attempt_journal, claim_and_record, claims, outcome_count_batches
from mailer.delivery.ledger.attempt_journal import FoundJournal
from mailer.delivery.ledger.attempt_types_and_retry_schedule import DeliveryResult, State, result_of
from mailer.delivery.ledger.sql_helpers import dialect, execute, to_db_datetime
from mailer.delivery.models import Delivery, Mailing
from mailer.delivery.outcome import Outcome, ReplyClass, outcome_of
from mailer.delivery.signals import mailing_changed

log = logging.getLogger(__name__)

_SENDING = "SELECT id FROM mailer_mailing WHERE state = 'sending' AND (expires_at IS NULL OR expires_at > %s)"
# The time for retries does not run while a mailing is paused, until it cannot be resumed any more.
_EXPIRED = """
SELECT m.id FROM mailer_mailing m JOIN mailer_snapshot c ON c.id = m.snapshot_id
WHERE m.expires_at <= %s AND (m.state = 'sending' OR m.state = 'paused' AND c.window_until < %s)
"""
_ROW = "SELECT 1 FROM mailer_delivery d WHERE d.mailing_id = mailer_mailing.id"
# Their index is not by mailing: asked for the claimed ones of a mailing, SQLite reads all its deliveries.
_NONE_CLAIMED = "id NOT IN (SELECT mailing_id FROM mailer_delivery WHERE state = 'claimed')"
# Deliveries that no worker has claimed; one condition per state, for the partial indexes.
_UNTRIED = (f"state = 'planned' AND {claims.UNCLAIMED}", "state = 'deferred'")
_CANCELLED = "SELECT id FROM mailer_mailing WHERE state = 'cancelled'"
# One condition per state, for the partial indexes.
_OPEN = """
SELECT EXISTS (SELECT 1 FROM mailer_mailing WHERE state IN ('sending', 'paused'))
    OR EXISTS (SELECT 1 FROM mailer_claim)
    OR EXISTS (SELECT 1 FROM mailer_delivery WHERE state = 'planned')
    OR EXISTS (SELECT 1 FROM mailer_delivery WHERE state = 'claimed')
    OR EXISTS (SELECT 1 FROM mailer_delivery WHERE state = 'deferred')
    OR EXISTS (SELECT 1 FROM mailer_delivery WHERE state = 'in_doubt'
        AND (bounced_at IS NOT NULL OR complained_at IS NOT NULL))
"""
_NO_REPLY = "the sending process ended before it read the reply"
_LEASE_EXPIRED = "the sending process did not report back in time"
_COPIED = "the database was copied or restored while this was being sent"
_ROWS = f"""
SELECT id, attempts, state FROM mailer_delivery WHERE state = 'claimed' AND claimed_by = %s
UNION ALL SELECT id, attempts, state FROM mailer_delivery WHERE state = 'in_doubt' AND claimed_by = %s
UNION ALL SELECT mailer_delivery.id, attempts + 1, state
    FROM mailer_claim c JOIN mailer_delivery ON {claims.IN_CLAIM} WHERE c.owner = %s
"""
_EXPIRED_OWNERS = """
SELECT claimed_by FROM mailer_delivery WHERE state = 'claimed' AND lease_until < %s
UNION SELECT owner FROM mailer_claim WHERE lease_until < %s
"""
_EXPIRED_ROWS = f"""
SELECT id, attempts, state FROM mailer_delivery
    WHERE state = 'claimed' AND claimed_by = %s AND lease_until < %s
UNION ALL SELECT mailer_delivery.id, attempts + 1, state
    FROM mailer_claim c JOIN mailer_delivery ON {claims.IN_CLAIM} WHERE c.owner = %s AND c.lease_until < %s
"""


def settle_at(now: datetime) -> datetime:
    """When a delivery in doubt since `now` may be settled; until then a bounce may show what happened."""
    return now + timedelta(minutes=settings.CONFIG.sending.in_doubt_wait_minutes)


def journal_folder() -> Path:
    """The folder of this machine's attempt journals."""
    config = settings.CONFIG
    return config.path(config.storage.path) / "journal"


def has_delivery_work() -> bool:
    """Whether anything may have to be sent, recovered, settled, expired or finished: one query of indexes."""
    return attempt_journal.has_journals(journal_folder()) or bool(_rows(_OPEN)[0][0])


def recover(now: datetime) -> int:
    """Settle the claims of this machine's dead processes, and those with an expired lease; how many.

    A delivery with a reply in the journal gets that result. One whose final dot may have been sent becomes in
    doubt. The others are due at once, as if they had not been claimed. If the machine restarted, all become
    in doubt. An expired lease is settled in the same way where the journal is on this machine, also while
    its process still exists: stopped for so long, that sends nothing more of it. Of another machine's process
    nothing is known, so all become in doubt.
    """
    folder, count = journal_folder(), 0
    for dead in attempt_journal.consume_recoverable_journals(folder, _unsettled):
        count += _replay(dead, now)
    at = to_db_datetime(now)
    for (owner,) in _rows(_EXPIRED_OWNERS, at, at):
        if (found := attempt_journal.find_journal(folder, owner, _unsettled)) is not None:
            count += _replay_expired(found, now)
    return count + _expire_leases(now)


def _unsettled(owner: str) -> set[int]:
    """The deliveries that a process has claimed or left in doubt."""
    return {row[0] for row in _rows(_ROWS, owner, owner, owner)}


def _replay(dead: FoundJournal, now: datetime) -> int:
    """Settle everything that a dead process had claimed; how many."""
    with transaction.atomic():
        rows = _rows(_ROWS, dead.owner, dead.owner, dead.owner)
        _settle(dead, rows, now)
        claims.release_all(dead.owner)
    return len(rows)


def _replay_expired(found: FoundJournal, now: datetime) -> int:
    """Settle what a process has claimed and whose lease has ended; how many."""
    owner, at = found.owner, to_db_datetime(now)
    with transaction.atomic():
        rows = _rows(_EXPIRED_ROWS, owner, at, owner, at)
        _settle(found, rows, now)
        claims.delete_expired_claims(owner, now)
    return len(rows)


def _settle(found: FoundJournal, rows: list[tuple[Any, ...]], now: datetime) -> None:
    """Settle deliveries of the journal's owner, given as id, attempt and state."""
    outcomes: dict[int, Outcome] = {}
    results: list[DeliveryResult] = []
    untried: list[int] = []
    settle_after = settle_at(now)
    for delivery, attempt, state in rows:
        logged = found.attempts.get((delivery, attempt))
        if logged is not None:
            outcomes[delivery] = outcome = outcome_of(logged.code, logged.text)
            results.append(result_of(delivery, attempt, outcome, now, None, settle_after))
        elif found.complete and (delivery, attempt) not in found.attempts:
            untried.append(delivery)
        elif state != State.IN_DOUBT:
            outcome = Outcome(ReplyClass.IN_DOUBT, _NO_REPLY)
            results.append(result_of(delivery, attempt, outcome, now, None, settle_after))
    counted_before = outcome_count_batches.rejected_before(outcomes)
    not_recorded = claim_and_record.record(results, found.owner)
    rejections = {one.delivery: one for one in results if one.rejected_at is not None}
    outcome_count_batches.add_recovered(outcomes, rejections, counted_before, not_recorded, now)
    claim_and_record.release(untried, found.owner, now)
    in_doubt = sum(result.state == State.IN_DOUBT for result in results)
    log.info(
        "action=recovered owner=%s known=%d in_doubt=%d untried=%d",
        found.owner,
        len(results) - in_doubt,
        in_doubt,
        len(untried),
    )


def _rows(query: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return list(cursor.fetchall())


def _expire_leases(now: datetime) -> int:
    settle_after = settle_at(now)
    expired = execute(
        "UPDATE mailer_delivery "
        "SET state = 'in_doubt', doubts = doubts + 1, reply = %s, lease_until = NULL, due_at = %s "
        "WHERE state = 'claimed' AND lease_until < %s",
        _LEASE_EXPIRED,
        to_db_datetime(settle_after),
        to_db_datetime(now),
    )
    return expired + claims.mark_expired_claims_in_doubt(now, _LEASE_EXPIRED, settle_after)


def mark_in_flight_permanently_in_doubt(mailing: Mailing) -> int:
    """Put what a worker holds of a mailing, and what is in doubt, in doubt for good; how many.

    For a database whose worker is elsewhere: nothing here knows the results. Evidence still settles them.
    """
    with transaction.atomic():
        count = execute(
            "UPDATE mailer_delivery SET state = 'in_doubt', doubts = 2, claimed_by = '', lease_until = NULL, "
            "due_at = NULL WHERE mailing_id = %s AND state IN ('claimed', 'in_doubt')",
            mailing.pk,
        )
        count += execute(
            "UPDATE mailer_delivery SET state = 'in_doubt', doubts = 2, attempts = attempts + 1, reply = %s "
            f"FROM mailer_claim c WHERE c.mailing_id = %s AND {claims.IN_CLAIM}",
            _COPIED,
            mailing.pk,
        )
        execute("DELETE FROM mailer_claim WHERE mailing_id = %s", mailing.pk)
    return count


def settle_or_resend_in_doubt(now: datetime) -> int:
    """Settle deliveries in doubt: by evidence, else by sending again if [sending] in_doubt says so; how many.

    A message that bounced or drew a complaint had been accepted. The others are due again, with the same
    Message-ID, when their wait is over. Only the first doubt is settled like this. After a second one, and
    with in_doubt = "leave", the delivery stays in doubt and the report shows it.
    """
    proven = _settle_proven()
    if settings.CONFIG.sending.in_doubt != "resend":
        return proven
    return proven + execute(
        "UPDATE mailer_delivery SET state = 'deferred', claimed_by = '', due_at = %s "
        "WHERE state = 'in_doubt' AND doubts <= 1 AND (due_at IS NULL OR due_at <= %s) "
        f"AND mailing_id IN ({_SENDING})",
        to_db_datetime(now),
        to_db_datetime(now),
        to_db_datetime(now),
    )


def _settle_proven() -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE mailer_delivery SET state = 'accepted', "
            "accepted_at = COALESCE(bounced_at, complained_at), claimed_by = '', due_at = NULL "
            "WHERE state = 'in_doubt' AND (bounced_at IS NOT NULL OR complained_at IS NOT NULL) "
            "RETURNING id"
        )
        settled = [row[0] for row in cursor.fetchall()]
        _count_accepted(settled)
    return len(settled)


def _count_accepted(settled: Collection[int]) -> None:
    """Count deliveries that have just been settled as accepted, in the caller's transaction."""
    by_time: defaultdict[datetime, list[int]] = defaultdict(list)
    for delivery in Delivery.objects.filter(pk__in=settled).only("accepted_at"):
        if delivery.accepted_at is not None:
            by_time[delivery.accepted_at].append(delivery.pk)
    counted_before = outcome_count_batches.rejected_before(settled)
    for accepted_at, ids in by_time.items():
        outcomes = dict.fromkeys(ids, Outcome(ReplyClass.ACCEPTED, ""))
        outcome_count_batches.add_recovered(outcomes, {}, counted_before, (), accepted_at)


def settle_as_accepted(accepted_at: Mapping[int, datetime]) -> int:
    """Settle deliveries in doubt that an ESP reports as accepted, by delivery id; how many.

    A delivery that is due again because of the doubt is not sent again.
    """
    in_doubt = Q(state=Delivery.State.IN_DOUBT) | Q(state=Delivery.State.DEFERRED, doubts__gt=0)
    with transaction.atomic():
        found = Delivery.objects.filter(in_doubt, pk__in=accepted_at).values_list("pk", flat=True)
        settled = [
            delivery
            for delivery in found
            if Delivery.objects.filter(in_doubt, pk=delivery).update(
                state=Delivery.State.ACCEPTED, accepted_at=accepted_at[delivery], claimed_by="", due_at=None
            )
        ]
        _count_accepted(settled)
    return len(settled)


def refuse_or_exclude_expired_deliveries(now: datetime) -> int:
    """Close the open deliveries of mailings past their expiry; how many.

    Deliveries that were tried and deferred are refused; of a paused mailing, only once the approved window
    has passed too. Those never tried, because no worker ran or the throttle allowed none, are excluded, and
    in any case only then.
    """
    refused = execute(
        "UPDATE mailer_delivery SET state = 'refused', reason = 'expired', due_at = NULL "
        f"WHERE state = 'deferred' AND attempts > 0 AND mailing_id IN ({_EXPIRED})",
        to_db_datetime(now),
        to_db_datetime(now),
    )
    with transaction.atomic():
        # Locked, so that no worker claims more of their deliveries meanwhile.
        expired = Mailing.objects.select_for_update(of=("self",), no_key=True).filter(
            state__in=(Mailing.State.SENDING, Mailing.State.PAUSED),
            expires_at__lte=now,
            snapshot__window_until__lt=now,
        )
        return refused + sum(
            Delivery.objects.filter(untried, mailing=mailing, attempts=0).update(
                state=Delivery.State.EXCLUDED, reason="expired", due_at=None
            )
            for mailing in expired
            for untried in (claims.unclaimed_condition(), Q(state=Delivery.State.DEFERRED))
        )


def exclude_cancelled() -> int:
    """Exclude deliveries that were released unsent into a cancelled mailing; how many."""
    return sum(
        execute(
            "UPDATE mailer_delivery SET state = 'excluded', reason = 'cancelled', due_at = NULL "
            f"WHERE {untried} AND mailing_id IN ({_CANCELLED})"
        )
        for untried in _UNTRIED
    )


def finish_mailings(now: datetime) -> list[int]:
    """Mark mailings without open deliveries as sent; returns their ids.

    A delivery that stays in doubt does not keep its mailing open.
    """
    open_rows = ["state = 'planned'", "state = 'deferred'"]
    if settings.CONFIG.sending.in_doubt == "resend":
        # Only while it will be sent again.
        open_rows.append(f"state = 'in_doubt' AND d.doubts <= 1 AND mailer_mailing.id IN ({_SENDING})")
    nothing_left = " AND ".join(f"NOT EXISTS ({_ROW} AND d.{row})" for row in open_rows)
    ended = f"WHERE state = 'sending' AND {_NONE_CLAIMED} AND {nothing_left}"
    at = [to_db_datetime(now)] * nothing_left.count("%s")
    done = []
    for mailing in _rows(f"SELECT id FROM mailer_mailing {ended} ORDER BY id", *at):
        with transaction.atomic():
            # Locked before its deliveries are read again: another worker may release one that was in doubt.
            _rows(f"SELECT 1 FROM mailer_mailing WHERE id = %s {dialect().lock}", *mailing)
            finish = f"UPDATE mailer_mailing SET state = 'done', finished_at = %s {ended} AND id = %s"
            if execute(finish, to_db_datetime(now), *at, *mailing):
                mailing_changed.send(Mailing, mailing_id=mailing[0], event="finished")
                done.append(int(mailing[0]))
                log.info("action=mailing_done mailing=%d", *mailing)
    return done
