"""The ledger of deliveries: claim those that are due, and record the results.

Every change is conditional on the state and the owner that it starts from, so two workers, or one with a late
result, never undo each other's work. A batch is passed in a few JSON values: with a value per row, the thread
would release and take Python's global lock for each. SQLite uses a partial index only for a query that
repeats its condition literally, so `state = 'planned'` is written out and never a parameter.
"""
# ruff: noqa: S608  (queries are joined from constants of this package alone)

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import repeat
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from mailer.approval.models import Snapshot
from mailer.delivery.ledger import claims, outcome_count_batches
from mailer.delivery.ledger.attempt_types_and_retry_schedule import (
    Attempt,
    ClaimedDelivery,
    DeliveryResult,
    GroupedAttempts,
    State,
)
from mailer.delivery.ledger.outcome_count_batches import Failures
from mailer.delivery.ledger.sql_helpers import dialect, id_list_parameter, to_db_datetime, to_db_text
from mailer.delivery.models import Mailing
from subscribers.code_list_field import split_codes

# Ids of deliveries that another process has settled meanwhile; the result that comes too late is dropped.
DroppedIds = set[int]
# Checked for each batch, so the statement is fixed.
_APPROVED = """
SELECT 1 FROM mailer_snapshot c WHERE c.id = %s AND c.state = %s AND
    (SELECT count(*) FROM mailer_approval a WHERE a.snapshot_id = c.id AND a.sha256 = c.sha256)
    >= length(c.approval_parts) - length(replace(c.approval_parts, '<', ''))
"""
# A claim locks the mailing's row: two workers never claim the same, and pausing or cancelling waits.
_SENDING = "SELECT 1 FROM mailer_mailing WHERE id = %s AND state = 'sending' {lock}"
_DUE_DEFERRED = """
SELECT id FROM mailer_delivery WHERE mailing_id = %s AND state = 'deferred' AND due_at <= %s
ORDER BY due_at LIMIT %s {skip_locked}
"""
_CLAIM_DEFERRED = """
UPDATE mailer_delivery
SET state = 'claimed', claimed_by = %s, lease_until = %s, attempts = attempts + 1, due_at = NULL
WHERE {among} AND state = 'deferred'
"""
_HAS_CLAIMS = """
SELECT 1 FROM mailer_delivery WHERE state = 'claimed' AND claimed_by = %s
UNION ALL SELECT 1 FROM mailer_claim WHERE owner = %s LIMIT 1
"""
# The recipients of claimed deliveries as they are now; `reason` says why a message must not be sent.
# A subquery with a limit runs once per recipient; the database may turn EXISTS into a list of everybody.
_RECIPIENTS = """
SELECT {columns} FROM (
    SELECT d.id, d.attempts + CASE d.state WHEN 'planned' THEN 1 ELSE 0 END AS attempts, d.variant_id,
        d.subscriber, s.email, s.name, d.countries,
        s.tracking_consent_at IS NOT NULL AS tracking_consent,
        CASE WHEN s.id IS NULL THEN 'erased'
            WHEN (SELECT 1 FROM subscribers_suppression x
                WHERE x.address_hash = s.address_hash AND x.lifted_at IS NULL LIMIT 1) = 1 THEN 'suppressed'
            WHEN (SELECT 1 FROM subscribers_subscription u {by_audience}
                WHERE u.subscriber_id = d.subscriber AND u.mailing_list_id IN ({lists})
                AND u.state = 'confirmed' LIMIT 1) IS NULL THEN 'unsubscribed'
            WHEN s.paused_until > %s THEN 'paused' ELSE '' END AS reason
    FROM mailer_delivery d LEFT JOIN subscribers_subscriber s ON s.id = d.subscriber
    WHERE {which} ORDER BY d.id
) r
"""
_PLANNED_BETWEEN = "d.mailing_id = %s AND d.state = 'planned' AND d.id BETWEEN %s AND %s"
_RECIPIENT_COLUMNS = (
    "id",
    "attempts",
    "variant_id",
    "subscriber",
    "email",
    "name",
    "countries",
    "tracking_consent",
    "reason",
)
# A delivery that the owner has claimed, singly or within a range.
_OWNED = (
    "(claimed_by = %s AND mailer_delivery.state IN ('claimed', 'in_doubt') "
    f"OR EXISTS (SELECT 1 FROM mailer_claim c WHERE c.owner = %s AND {claims.IN_CLAIM}))"
)
# For so many deliveries with the same reply, a statement of their own costs less.
_MIN_GROUP = 20
# As _RECORD, for the usual case: deliveries with the same reply are found by their ids alone.
_ACCEPT = """
UPDATE mailer_delivery
SET state = 'accepted', reason = '', reply = %s, due_at = NULL, accepted_at = %s, lease_until = NULL,
    claimed_by = ''{counted}
{held} AND {among}
"""
_ACCEPT_PLANNED = _ACCEPT.replace("{counted}", ", attempts = attempts + 1").replace(
    "{held}", f"FROM mailer_claim c WHERE c.owner = %s AND {claims.IN_CLAIM}"
)
_ACCEPT_CLAIMED = _ACCEPT.replace("{counted}", "").replace(
    "{held}", "WHERE claimed_by = %s AND state IN ('claimed', 'in_doubt')"
)
_RECORD = """
UPDATE mailer_delivery
SET state = %s, reason = %s, reply = r.text, due_at = r.at, accepted_at = %s, lease_until = NULL,
    rejected_at = COALESCE(rejected_at, %s), claimed_by = %s,
    doubts = doubts + CASE mailer_delivery.state WHEN 'in_doubt' THEN 0 ELSE %s END,
    attempts = attempts + CASE mailer_delivery.state WHEN 'planned' THEN 1 ELSE 0 END
FROM ({triples}) r
WHERE mailer_delivery.id = r.id AND {held}
"""
_ACCEPTED_AT = "SELECT id FROM mailer_delivery WHERE {among} AND state = 'accepted' AND accepted_at = %s"
_DEFER = """
UPDATE mailer_delivery
SET state = 'deferred', due_at = r.at, reason = r.text, claimed_by = '', lease_until = NULL,
    attempts = attempts - CASE mailer_delivery.state WHEN 'planned' THEN 0 ELSE 1 END
FROM ({triples}) r
WHERE mailer_delivery.id = r.id AND mailer_delivery.state <> 'in_doubt' AND {held}
"""
# Locks the mailings of these deliveries: one that is done is sent no more, and none is done meanwhile.
_LOCK_OPEN = """
SELECT id FROM mailer_mailing WHERE state <> 'done'
AND id IN (SELECT mailing_id FROM mailer_delivery WHERE {among} AND state = 'in_doubt') ORDER BY id {lock}
"""
_DEFER_DOUBTED = """
UPDATE mailer_delivery
SET state = 'deferred', due_at = r.at, reason = r.text, claimed_by = '', attempts = attempts - 1,
    doubts = doubts - 1
FROM ({triples}) r
WHERE mailer_delivery.id = r.id AND claimed_by = %s AND mailer_delivery.state = 'in_doubt' AND {mailings}
"""


def claim_or_exclude_due_deliveries(
    mailing: Mailing, owner: str, lease_until: datetime, limit: int, now: datetime, resume_after: int = 0
) -> list[ClaimedDelivery]:
    """Claim up to `limit` due deliveries for `owner` until `lease_until`, deferred ones first.

    Planned deliveries are searched above the id `resume_after` first, where an earlier call of the owner
    ended.

    Deliveries to subscribers who unsubscribed, paused, were suppressed or erased since planning become
    excluded instead, so the result may be empty although more are due. A mailing that is not being sent gives
    none, and a rollout gives none beyond its current step.
    """
    with transaction.atomic():
        if not _lock_sending(mailing):
            return []
        ids = _claim_deferred(mailing, owner, lease_until, limit, now)
        ranges = (
            claims.claim_ranges(mailing, owner, lease_until, limit - len(ids), resume_after)
            if len(ids) < limit
            else []
        )
    # Read after the claim has ended, which others wait for; a subscriber may have unsubscribed meanwhile.
    found = (
        _load_recipients(mailing, now, dialect().among.format("d.id"), [id_list_parameter(ids)])
        if ids
        else []
    )
    for first, last in ranges:
        found += _load_recipients(mailing, now, _PLANNED_BETWEEN, [mailing.pk, first, last])
    record([DeliveryResult(one.id, State.EXCLUDED, reason=reason) for one, reason in found if reason], owner)
    claimed = [one for one, reason in found if not reason]
    return _redirect(claimed, mailing.dry_run_to) if mailing.dry_run_to else claimed


def has_due_delivery(mailing: Mailing, now: datetime) -> bool:
    """Whether a claim would find a delivery."""
    deferred = "SELECT 1 FROM mailer_delivery WHERE mailing_id = %s AND state = 'deferred' AND due_at <= %s"
    with connection.cursor() as cursor:
        cursor.execute(f"{deferred} LIMIT 1", [mailing.pk, to_db_datetime(now)])
        return cursor.fetchone() is not None or claims.has_unclaimed(mailing)


def snapshot_may_be_sent(mailing: Mailing) -> bool:
    """Whether the mailing's snapshot is scheduled and has every approval it needs, of exactly its hash.

    For a dry run it is enough that the snapshot is still submitted, approved or scheduled.
    """
    if mailing.dry_run_to:
        return Snapshot.objects.filter(pk=mailing.snapshot_id, state__in=Snapshot.OPEN).exists()
    with connection.cursor() as cursor:
        cursor.execute(_APPROVED, [mailing.snapshot_id, Snapshot.State.SCHEDULED.value])
        return cursor.fetchone() is not None


def record_attempts(
    attempts: Collection[Attempt],
    grouped: GroupedAttempts,
    failures: Mapping[int, Failures],
    owner: str,
    now: datetime,
) -> None:
    """Record the results of attempts that `owner` has made, and count them, in one transaction.

    `failures`, by mailing id, are those for its circuit breaker.
    """
    if not grouped.accepted and not grouped.results and not failures:
        return
    repeated = [one.id for one, _ in attempts if one.attempt > 1]
    with transaction.atomic():
        counted_before = outcome_count_batches.rejected_before(repeated)
        not_recorded = record_accepted(grouped.accepted, owner, now) | record(grouped.results, owner)
        rejections = {one.delivery: one for one in grouped.results if one.rejected_at is not None}
        outcome_count_batches.add_attempts(attempts, rejections, counted_before, not_recorded, failures, now)


def record(results: Iterable[DeliveryResult], owner: str) -> DroppedIds:
    """Record the results of deliveries that `owner` has claimed, in one transaction; the ids of those that
    another process has settled meanwhile, whose results are dropped.

    A result that comes after the lease expired still settles a delivery in doubt.
    """
    grouped: dict[tuple[str, str, datetime | None, datetime | None], list[tuple[int, str, Any]]] = (
        defaultdict(list)
    )
    for one in results:
        row = (one.delivery, one.reply[:500], one.due_at and to_db_text(one.due_at))
        grouped[one.state, one.reason, one.accepted_at, one.rejected_at].append(row)
    if not grouped:
        return set()
    statement = _RECORD.format(triples=dialect().triples, held=_OWNED)
    not_recorded: set[int] = set()
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        for (state, reason, accepted, rejected), rows in grouped.items():
            doubt = state == State.IN_DOUBT
            cursor.execute(
                # Nearly all are accepted, and it is enough to count those.
                statement if accepted else f"{statement} RETURNING mailer_delivery.id",
                [
                    str(state),
                    str(reason)[:40],
                    to_db_datetime(accepted),
                    to_db_datetime(rejected),
                    owner if doubt else "",
                    int(doubt),
                    json.dumps(rows),
                    owner,
                    owner,
                ],
            )
            if accepted is None:
                recorded = {row[0] for row in cursor.fetchall()}
                not_recorded.update(row[0] for row in rows if row[0] not in recorded)
            elif cursor.rowcount < len(rows):
                not_recorded |= _not_accepted(cursor, [row[0] for row in rows], accepted)
    return not_recorded


def record_accepted(
    delivery_ids_by_reply: Mapping[str, Collection[int]], owner: str, at: datetime
) -> DroppedIds:
    """Record that these delivery ids, by the server's reply, were accepted `at` this time; the ids of those
    that another process has settled meanwhile."""
    if not delivery_ids_by_reply:
        return set()
    among = dialect().among.format("mailer_delivery.id")
    planned, claimed = _ACCEPT_PLANNED.format(among=among), _ACCEPT_CLAIMED.format(among=among)
    others: list[DeliveryResult] = []
    not_recorded: set[int] = set()
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        for reply, ids in delivery_ids_by_reply.items():
            if len(ids) < _MIN_GROUP:
                others += [DeliveryResult(one, State.ACCEPTED, reply, accepted_at=at) for one in ids]
                continue
            values = [reply[:500], to_db_datetime(at), owner, id_list_parameter(ids)]
            cursor.execute(planned, values)
            count = cursor.rowcount
            if count < len(ids):
                cursor.execute(claimed, values)
                count += cursor.rowcount
            if count < len(ids):
                not_recorded |= _not_accepted(cursor, ids, at)
        # Many servers put an id of the message into each reply.
        return not_recorded | record(others, owner)


def _not_accepted(cursor: CursorWrapper, ids: Collection[int], at: datetime) -> set[int]:
    among = dialect().among.format("id")
    cursor.execute(_ACCEPTED_AT.format(among=among), [id_list_parameter(ids), to_db_datetime(at)])
    return set(ids) - {row[0] for row in cursor.fetchall()}


def release(deliveries: Collection[int], owner: str, now: datetime) -> None:
    """Release claimed deliveries that were not tried, as if they had not been claimed: they are due at once.

    A delivery without any attempt becomes unclaimed, unless that splits a claim into too many pieces. Then,
    and after an earlier attempt, it is deferred until `now`.
    """
    if deliveries:
        with transaction.atomic():
            claims.release(deliveries, owner)
            defer([(delivery, now) for delivery in deliveries], owner)


def defer(deliveries: Iterable[tuple[int, datetime]], owner: str, reason: str = "") -> None:
    """Release claimed deliveries that were not tried, each due again at its time; no attempt is counted.

    Those that became in doubt when the owner's lease ended are not in doubt any more.
    """
    rows = [(delivery, reason[:40], to_db_text(due)) for delivery, due in deliveries]
    if not rows:
        return
    database = dialect()
    statement = _DEFER.format(triples=database.triples, held=_OWNED)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, [json.dumps(rows), owner, owner])
        if cursor.rowcount < len(rows):
            lock = _LOCK_OPEN.format(among=database.among.format("id"), lock=database.lock)
            cursor.execute(lock, [id_list_parameter([row[0] for row in rows])])
            open_mailings = [row[0] for row in cursor.fetchall()]
            among = database.among.format("mailer_delivery.mailing_id")
            doubted = _DEFER_DOUBTED.format(triples=database.triples, mailings=among)
            cursor.execute(doubted, [json.dumps(rows), owner, id_list_parameter(open_mailings)])


def delete_settled_claims_any_left(owner: str) -> bool:
    """Delete the settled claims of `owner`; whether it has others, with unsettled deliveries."""
    claims.delete_settled(owner)
    with connection.cursor() as cursor:
        cursor.execute(_HAS_CLAIMS, [owner, owner])
        return cursor.fetchone() is not None


def _lock_sending(mailing: Mailing) -> bool:
    """Whether the mailing is being sent; it stays so until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(_SENDING.format(lock=dialect().lock), [mailing.pk])
        return cursor.fetchone() is not None


def _claim_deferred(
    mailing: Mailing, owner: str, lease_until: datetime, limit: int, now: datetime
) -> list[int]:
    """Claim deferred deliveries that are due; their ids."""
    database = dialect()
    # No other worker can claim them between the two statements: a transaction holds SQLite's only write lock,
    # or PostgreSQL's locks on the rows.
    wanted = _DUE_DEFERRED.format(skip_locked=database.skip_locked)
    with connection.cursor() as cursor:
        column = database.column.format("id")
        cursor.execute(f"SELECT {column} FROM ({wanted}) w", [mailing.pk, to_db_datetime(now), limit])
        ids: list[int] = json.loads(cursor.fetchone()[0] or "[]")
        if ids:
            cursor.execute(
                _CLAIM_DEFERRED.format(among=database.among.format("id")),
                [owner, to_db_datetime(lease_until), id_list_parameter(ids)],
            )
    return ids


def _load_recipients(
    mailing: Mailing, now: datetime, which: str, values: Sequence[int | str]
) -> list[tuple[ClaimedDelivery, str]]:
    """Claimed deliveries with their recipients as they are now, and why one must not be sent, or ''."""
    query = _RECIPIENTS.format(
        columns=", ".join(dialect().column.format(f"r.{name}") for name in _RECIPIENT_COLUMNS),
        lists=",".join(str(int(one)) for one in mailing.snapshot.audience["lists"]) or "NULL",
        by_audience=dialect().by_audience,
        which=which,
    )
    with connection.cursor() as cursor:
        cursor.execute(query, [to_db_datetime(now), *values])
        ids, attempts, variants, subscribers, emails, names, countries, consents, reasons = (
            json.loads(column or "[]") for column in cursor.fetchone()
        )
    mailings, codes, consents = repeat(mailing.pk), map(_country_codes, countries), map(bool, consents)
    claimed = map(
        ClaimedDelivery, ids, mailings, attempts, variants, subscribers, emails, names, codes, consents
    )
    return list(zip(claimed, reasons, strict=True))


# Most subscribers chose one of a few combinations.
@lru_cache(maxsize=4096)
def _country_codes(countries: str) -> tuple[str, ...]:
    return split_codes(countries)


def _redirect(claimed: Iterable[ClaimedDelivery], to: str) -> list[ClaimedDelivery]:
    """As a dry run sends them: only the subscriber's id leaves the ledger, as a name."""
    return [
        one._replace(
            email=to, name=f"Full test for subscriber {one.subscriber}", subscriber=0, tracking_consent=False
        )
        for one in claimed
    ]
