"""The ledger: claiming deliveries and recording what became of them, at the database's own speed.

Every change is conditional on the row still being in the state and hands that the change starts from, so two
workers, or one that came back late, never undo each other. SQLite uses a partial index only where a query
repeats its condition word for word: `state = 'planned'` is written out, never a parameter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import connection, transaction
from django.db.models import F

from mailer.approval.models import Approval, FrozenCopy
from mailer.delivery.models import Mailing
from mailer.delivery.records import Claimed, Result, State
from subscribers.fields import split_codes

# PostgreSQL may run a subquery anew for each row, skip what it has locked itself, and so go beyond the
# limit; a materialized one is run once.
_CLAIM = """
WITH wanted AS MATERIALIZED (
    SELECT id FROM mailer_delivery WHERE mailing_id = %s AND {due} ORDER BY {order} LIMIT %s {lock}
)
UPDATE mailer_delivery
SET state = 'claimed', claimed_by = %s, lease_until = %s, attempts = attempts + 1, due_at = NULL
WHERE id IN (SELECT id FROM wanted) AND {state}
AND EXISTS (SELECT 1 FROM mailer_mailing m WHERE m.id = mailer_delivery.mailing_id AND m.state = 'sending')
RETURNING id
"""
# What stands between a claim and its message, as things are at this moment.
_READERS = """
SELECT d.id, d.mailing_id, d.attempts, d.variant_id, d.subscriber, s.email, s.name, d.countries,
    EXISTS (SELECT 1 FROM subscribers_suppression x
            WHERE x.address_hash = s.address_hash AND x.lifted_at IS NULL) AS suppressed,
    EXISTS (SELECT 1 FROM subscribers_subscription u WHERE u.subscriber_id = d.subscriber
            AND u.mailing_list_id IN ({lists}) AND u.state = 'confirmed') AS subscribed
FROM mailer_delivery d LEFT JOIN subscribers_subscriber s ON s.id = d.subscriber
WHERE d.id IN ({ids}) ORDER BY d.id
"""
_HELD = "id = %s AND claimed_by = %s AND state IN ('claimed', 'in_doubt')"
_RECORD = f"""
UPDATE mailer_delivery
SET state = %s, reply = %s, reason = %s, due_at = %s, accepted_at = %s, lease_until = NULL,
    doubts = doubts + %s, claimed_by = CASE WHEN %s = 'in_doubt' THEN claimed_by ELSE '' END
WHERE {_HELD}
"""  # noqa: S608
_RECORD_MANY = """
UPDATE mailer_delivery SET state = r.state, reply = r.reply, reason = r.reason, due_at = r.due_at,
    accepted_at = r.accepted_at, lease_until = NULL, doubts = mailer_delivery.doubts + r.doubts,
    claimed_by = CASE WHEN r.state = 'in_doubt' THEN claimed_by ELSE '' END
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::int[])
    AS r(id, state, reply, reason, due_at, accepted_at, doubts)
WHERE mailer_delivery.id = r.id AND mailer_delivery.claimed_by = %s
    AND mailer_delivery.state IN ('claimed', 'in_doubt')
"""


def claim(mailing: Mailing, owner: str, lease_until: datetime, limit: int, now: datetime) -> list[Claimed]:
    """Take up to `limit` deliveries that are due, those put off first; nobody else can hold them then.

    Readers who left, were suppressed or erased since planning become excluded instead, so fewer may come
    back than were due, and none does not mean that none is left. A mailing that is not being sent gives none.
    """
    with transaction.atomic():
        ids = _take("deferred", mailing.pk, owner, lease_until, limit, now)
        if len(ids) < limit:
            ids += _take("planned", mailing.pk, owner, lease_until, limit - len(ids), now)
        lists = tuple(mailing.copy.audience["lists"])
        claimed, excluded = _meet(ids, lists)
        if excluded:
            _exclude(excluded, owner)
    return claimed


def is_due(mailing: Mailing, now: datetime) -> bool:
    """Whether a claim would find anything."""
    with connection.cursor() as cursor:
        for state in ("deferred", "planned"):
            due, parameters = _due(state, now)
            cursor.execute(
                f"SELECT 1 FROM mailer_delivery WHERE mailing_id = %s AND {due} LIMIT 1",  # noqa: S608
                [mailing.pk, *parameters],
            )
            if cursor.fetchone():
                return True
    return False


def is_sealed(mailing: Mailing) -> bool:
    """Whether the mailing's copy carries an approval of exactly its hash, and still counts."""
    return Approval.objects.filter(
        copy=mailing.copy_id, sha256=F("copy__sha256"), copy__state=FrozenCopy.State.SCHEDULED
    ).exists()


def record(results: Sequence[Result], owner: str) -> None:
    """Write down what became of deliveries that `owner` holds, in one transaction.

    A result that comes after its lease ran out still settles the doubt about it.
    """
    if not results:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_RECORD_MANY, [*map(list, zip(*map(_columns, results), strict=True)), owner])
        else:
            cursor.executemany(
                _RECORD,
                [
                    (state, reply, reason, _moment(due), _moment(accepted), doubts, state, delivery, owner)
                    for delivery, state, reply, reason, due, accepted, doubts in map(_columns, results)
                ],
            )


def release(deliveries: Iterable[int], owner: str) -> None:
    """Give back what was claimed and not tried: planned again, as if it had not been claimed."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE mailer_delivery SET state = 'planned', attempts = attempts - 1, claimed_by = '', "
            "lease_until = NULL WHERE id = %s AND claimed_by = %s AND state = 'claimed'",
            [(delivery, owner) for delivery in deliveries],
        )


def holds(owner: str) -> bool:
    """Whether `owner` still has claims open."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM mailer_delivery WHERE state = 'claimed' AND claimed_by = %s LIMIT 1", [owner]
        )
        return cursor.fetchone() is not None


def _due(state: str, now: datetime) -> tuple[str, list[Any]]:
    if state == "deferred":
        return "state = 'deferred' AND due_at <= %s", [_moment(now)]
    return "state = 'planned'", []


def _take(
    state: str, mailing: int, owner: str, lease_until: datetime, limit: int, now: datetime
) -> list[int]:
    due, parameters = _due(state, now)
    query = _CLAIM.format(
        due=due,
        order="due_at" if state == "deferred" else "id",
        state=f"state = '{state}'",
        lock="FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else "",
    )
    with connection.cursor() as cursor:
        cursor.execute(query, [mailing, *parameters, limit, owner, _moment(lease_until)])
        return sorted(row[0] for row in cursor.fetchall())


def _meet(ids: list[int], lists: tuple[int, ...]) -> tuple[list[Claimed], list[tuple[int, str]]]:
    """The claimed deliveries with their readers as they are now, and those to exclude, with reasons."""
    claimed: list[Claimed] = []
    excluded: list[tuple[int, str]] = []
    query = _READERS.format(lists=_numbers(lists), ids=_numbers(ids))
    with connection.cursor() as cursor:
        cursor.execute(query)
        for delivery, mailing, attempt, variant, subscriber, email, name, countries, stopped, on in cursor:
            if email is None or stopped or not on:
                reason = "erased" if email is None else "suppressed" if stopped else "unsubscribed"
                excluded.append((delivery, reason))
                continue
            codes = split_codes(countries)
            claimed.append(Claimed(delivery, mailing, attempt, variant, subscriber, email, name, codes))
    return claimed, excluded


def _exclude(excluded: list[tuple[int, str]], owner: str) -> None:
    record([Result(delivery, State.EXCLUDED, reason=reason) for delivery, reason in excluded], owner)


def _columns(result: Result) -> tuple[int, str, str, str, datetime | None, datetime | None, int]:
    return (
        result.delivery,
        str(result.state),
        result.reply[:500],
        result.reason[:40],
        result.due_at,
        result.accepted_at,
        int(result.state == State.IN_DOUBT),
    )


def _numbers(values: Iterable[int]) -> str:
    """A list for IN; the values are integers and nothing else."""
    return ",".join(str(int(value)) for value in values) or "NULL"


@lru_cache(maxsize=256)
def _moment(value: datetime | None) -> Any:
    """A moment as this database keeps it; a batch of results shares a few."""
    return connection.ops.adapt_datetimefield_value(value)
