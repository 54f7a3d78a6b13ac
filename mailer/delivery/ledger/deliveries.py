"""The ledger: claiming deliveries and recording what became of them, at the database's own speed.

Every change is conditional on the row still being in the state and hands that the change starts from, so two
workers, or one that came back late, never undo each other. A batch crosses in few values, as JSON: row by
row the thread would hand Python's lock to and fro each time. SQLite uses a partial index only where a query
repeats its condition word for word: `state = 'planned'` is written out, never a parameter.
"""
# ruff: noqa: S608  (queries are joined from constants of this package alone)

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import repeat
from typing import Any, NamedTuple

from django.db import connection, transaction

from mailer.approval.models import Snapshot
from mailer.delivery.ledger import claims
from mailer.delivery.ledger.records import Claimed, Result, State
from mailer.delivery.ledger.sql import moment
from mailer.delivery.models import Mailing
from subscribers.fields import split_codes


class _Dialect(NamedTuple):
    """How a database writes the same statements."""

    # A column of the rows found, as one text of JSON.
    column: str
    # Whether a column's number is in a parameter that lists numbers, and how a list is written in it.
    among: str
    listed: str
    # A parameter with lists of [id, text, moment] in JSON, as a table.
    triples: str
    # Takes the rows that nobody else is taking.
    lock: str
    # Takes one row, for which others wait.
    hold: str


_SQLITE = _Dialect(
    column="json_group_array({})",
    among="{} IN (SELECT value FROM json_each(%s))",
    listed="[{}]",
    triples="SELECT json_extract(value, '$[0]') AS id, json_extract(value, '$[1]') AS words, "
    "json_extract(value, '$[2]') AS moment FROM json_each(%s)",
    lock="",
    hold="",
)
# An array's length is known when a query is planned; of a function's rows it is only guessed, and a guess
# that is too large has whole tables read.
_POSTGRESQL = _Dialect(
    column="json_agg({})::text",
    among="{} = ANY(%s::bigint[])",
    listed="{{{}}}",
    triples="SELECT (value->>0)::bigint AS id, value->>1 AS words, (value->>2)::timestamptz AS moment "
    "FROM json_array_elements(%s::json)",
    lock="FOR UPDATE SKIP LOCKED",
    hold="FOR NO KEY UPDATE",
)

# Asked for each batch, and therefore ready made.
_SEALED = """
SELECT 1 FROM mailer_approval a JOIN mailer_snapshot c ON c.id = a.snapshot_id
WHERE c.id = %s AND c.state = %s AND a.sha256 = c.sha256 LIMIT 1
"""
# Whoever claims of a mailing holds its row: two never take the same, and pausing or cancelling it waits.
_SENDING = "SELECT 1 FROM mailer_mailing WHERE id = %s AND state = 'sending' {hold}"
_AGAIN = """
SELECT id FROM mailer_delivery WHERE mailing_id = %s AND state = 'deferred' AND due_at <= %s
ORDER BY due_at LIMIT %s {lock}
"""
_CLAIM = """
UPDATE mailer_delivery
SET state = 'claimed', claimed_by = %s, lease_until = %s, attempts = attempts + 1, due_at = NULL
WHERE {among} AND state = 'deferred'
"""
_HOLDS = """
SELECT 1 FROM mailer_delivery WHERE state = 'claimed' AND claimed_by = %s
UNION ALL SELECT 1 FROM mailer_claim WHERE owner = %s LIMIT 1
"""
# What stands between a claim and its message, as things are at this moment; the reason is why it must not
# leave. A subquery with a limit is asked per reader: EXISTS may be turned into a list of everybody.
_READERS = """
SELECT {columns} FROM (
    SELECT d.id, d.attempts + CASE d.state WHEN 'planned' THEN 1 ELSE 0 END AS attempts, d.variant_id,
        d.subscriber, s.email, s.name, d.countries,
        s.tracking_agreed_at IS NOT NULL AS agreed,
        CASE WHEN s.id IS NULL THEN 'erased'
            WHEN (SELECT 1 FROM subscribers_suppression x
                WHERE x.address_hash = s.address_hash AND x.lifted_at IS NULL LIMIT 1) = 1 THEN 'suppressed'
            WHEN (SELECT 1 FROM subscribers_subscription u
                WHERE u.subscriber_id = d.subscriber AND u.mailing_list_id IN ({lists})
                AND u.state = 'confirmed' LIMIT 1) IS NULL THEN 'unsubscribed'
            WHEN s.paused_until > %s THEN 'paused' ELSE '' END AS reason
    FROM mailer_delivery d LEFT JOIN subscribers_subscriber s ON s.id = d.subscriber
    WHERE {which} ORDER BY d.id
) r
"""
_READER = ("id", "attempts", "variant_id", "subscriber", "email", "name", "countries", "agreed", "reason")
# What an owner holds, one by one or within a claim.
_HELD = (
    "(claimed_by = %s AND mailer_delivery.state IN ('claimed', 'in_doubt') "
    f"OR EXISTS (SELECT 1 FROM mailer_claim c WHERE c.owner = %s AND {claims.WITHIN}))"
)
# From so many deliveries with the same words on, a statement for them alone costs less.
_ALIKE = 20
# As _RECORD, for what nearly all rows are: those with the same words are found by their numbers alone.
_ACCEPT = """
UPDATE mailer_delivery
SET state = 'accepted', reason = '', reply = %s, due_at = NULL, accepted_at = %s, lease_until = NULL,
    claimed_by = ''{counted}
{held} AND {among}
"""
_ACCEPT_PLANNED = _ACCEPT.replace("{counted}", ", attempts = attempts + 1").replace(
    "{held}", f"FROM mailer_claim c WHERE c.owner = %s AND {claims.WITHIN}"
)
_ACCEPT_CLAIMED = _ACCEPT.replace("{counted}", "").replace(
    "{held}", "WHERE claimed_by = %s AND state IN ('claimed', 'in_doubt')"
)
_RECORD = """
UPDATE mailer_delivery
SET state = %s, reason = %s, reply = r.words, due_at = r.moment, accepted_at = %s, lease_until = NULL,
    doubts = doubts + %s, claimed_by = %s,
    attempts = attempts + CASE mailer_delivery.state WHEN 'planned' THEN 1 ELSE 0 END
FROM ({triples}) r
WHERE mailer_delivery.id = r.id AND {held}
"""
_GIVE_BACK = """
UPDATE mailer_delivery
SET state = 'deferred', due_at = r.moment, reason = r.words, claimed_by = '', lease_until = NULL,
    attempts = attempts - CASE mailer_delivery.state WHEN 'planned' THEN 0 ELSE 1 END
FROM ({triples}) r
WHERE mailer_delivery.id = r.id AND mailer_delivery.state <> 'in_doubt' AND {held}
"""


def claim(
    mailing: Mailing, owner: str, lease_until: datetime, limit: int, now: datetime, after: int = 0
) -> list[Claimed]:
    """Take up to `limit` deliveries that are due, those put off first; nobody else can hold them then.

    Those never tried are looked for behind the delivery `after` first, where an earlier call ended: a
    database that believes all rows to be planned would read again all that were sent.

    Readers who left, paused, were suppressed or erased since planning become excluded instead, so fewer may
    come back than were due, and none does not mean that none is left. A mailing that is not being sent gives
    none, and one that is released in steps gives none beyond its step.
    """
    with transaction.atomic():
        if not _is_sending(mailing):
            return []
        found = _put_off_before(mailing, owner, lease_until, limit, now)
        for bound in (after, 0) if after else (0,):
            if len(found) < limit:
                found += _never_tried(mailing, owner, lease_until, limit - len(found), now, bound)
        record([Result(one.id, State.EXCLUDED, reason=reason) for one, reason in found if reason], owner)
    claimed = [one for one, reason in found if not reason]
    return _redirected(claimed, mailing.rehearsal_to) if mailing.rehearsal_to else claimed


def is_due(mailing: Mailing, now: datetime) -> bool:
    """Whether a claim would find anything."""
    put_off = "SELECT 1 FROM mailer_delivery WHERE mailing_id = %s AND state = 'deferred' AND due_at <= %s"
    with connection.cursor() as cursor:
        cursor.execute(f"{put_off} LIMIT 1", [mailing.pk, moment(now)])
        return cursor.fetchone() is not None or claims.any_free(mailing)


def is_sealed(mailing: Mailing) -> bool:
    """Whether the mailing's copy carries an approval of exactly its hash, and still counts.

    For a rehearsal it is enough that the copy still waits for its approval or its moment.
    """
    if mailing.rehearsal_to:
        return Snapshot.objects.filter(pk=mailing.snapshot_id, state__in=Snapshot.OPEN).exists()
    with connection.cursor() as cursor:
        cursor.execute(_SEALED, [mailing.snapshot_id, Snapshot.State.SCHEDULED.value])
        return cursor.fetchone() is not None


def record(results: Iterable[Result], owner: str) -> None:
    """Write down what became of deliveries that `owner` holds, in one transaction.

    A result that comes after its lease ran out still settles the doubt about it.
    """
    alike: dict[tuple[str, str, datetime | None], list[tuple[int, str, Any]]] = defaultdict(list)
    for one in results:
        row = (one.delivery, one.reply[:500], one.due_at and _text(one.due_at))
        alike[one.state, one.reason, one.accepted_at].append(row)
    if not alike:
        return
    statement = _RECORD.format(triples=_dialect().triples, held=_HELD)
    with transaction.atomic(), connection.cursor() as cursor:
        for (state, reason, accepted), rows in alike.items():
            doubt = state == State.IN_DOUBT
            cursor.execute(
                statement,
                [
                    str(state),
                    str(reason)[:40],
                    moment(accepted),
                    int(doubt),
                    owner if doubt else "",
                    json.dumps(rows),
                    owner,
                    owner,
                ],
            )


def accept(deliveries: Mapping[str, Collection[int]], owner: str, at: datetime) -> None:
    """Write down that these, by the server's words, were accepted `at` a moment: what is usual, at once."""
    if not deliveries:
        return
    among = _dialect().among.format("mailer_delivery.id")
    planned, claimed = _ACCEPT_PLANNED.format(among=among), _ACCEPT_CLAIMED.format(among=among)
    others: list[Result] = []
    with transaction.atomic(), connection.cursor() as cursor:
        for words, ids in deliveries.items():
            if len(ids) < _ALIKE:
                others += [Result(one, State.ACCEPTED, words, accepted_at=at) for one in ids]
                continue
            values = [words[:500], moment(at), owner, _numbers(ids)]
            cursor.execute(planned, values)
            if cursor.rowcount < len(ids):
                cursor.execute(claimed, values)
        # Many servers name each message in their words.
        record(others, owner)


def release(deliveries: Collection[int], owner: str, now: datetime) -> None:
    """Give back what was claimed and not tried: due at once, as if it had not been claimed.

    What was never tried is planned again, unless it would leave a claim in too many pieces: then, and where
    it had been put off before, it is deferred until `now`.
    """
    if deliveries:
        with transaction.atomic():
            claims.let_go(deliveries, owner)
            put_off([(delivery, now) for delivery in deliveries], owner)


def put_off(deliveries: Iterable[tuple[int, datetime]], owner: str, reason: str = "") -> None:
    """Give back what was claimed and not tried, each to be due at its moment; no attempt is counted."""
    rows = [(delivery, reason[:40], _text(due)) for delivery, due in deliveries]
    if not rows:
        return
    statement = _GIVE_BACK.format(triples=_dialect().triples, held=_HELD)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, [json.dumps(rows), owner, owner])


def holds(owner: str) -> bool:
    """Whether `owner` still has claims open, or deliveries claimed."""
    claims.close(owner)
    with connection.cursor() as cursor:
        cursor.execute(_HOLDS, [owner, owner])
        return cursor.fetchone() is not None


def _is_sending(mailing: Mailing) -> bool:
    """Whether it is, and goes on to be until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(_SENDING.format(hold=_dialect().hold), [mailing.pk])
        return cursor.fetchone() is not None


def _put_off_before(
    mailing: Mailing, owner: str, lease_until: datetime, limit: int, now: datetime
) -> list[tuple[Claimed, str]]:
    """Take deliveries that are due again."""
    dialect = _dialect()
    # In between nobody else takes them: SQLite's transaction holds its only write lock, and PostgreSQL's the
    # rows.
    wanted = _AGAIN.format(lock=dialect.lock)
    with connection.cursor() as cursor:
        column = dialect.column.format("id")
        cursor.execute(f"SELECT {column} FROM ({wanted}) w", [mailing.pk, moment(now), limit])
        ids: list[int] = json.loads(cursor.fetchone()[0] or "[]")
        if not ids:
            return []
        cursor.execute(
            _CLAIM.format(among=dialect.among.format("id")), [owner, moment(lease_until), _numbers(ids)]
        )
    return _met(mailing, now, dialect.among.format("d.id"), [_numbers(ids)])


def _never_tried(
    mailing: Mailing, owner: str, lease_until: datetime, limit: int, now: datetime, after: int
) -> list[tuple[Claimed, str]]:
    """Take deliveries that are planned, the next in line."""
    which = "d.mailing_id = %s AND d.state = 'planned' AND d.id BETWEEN %s AND %s"
    taken = claims.take(mailing, owner, lease_until, limit, after)
    return [one for stretch in taken for one in _met(mailing, now, which, [mailing.pk, *stretch])]


def _met(
    mailing: Mailing, now: datetime, which: str, values: Sequence[int | str]
) -> list[tuple[Claimed, str]]:
    """Deliveries just claimed with their readers as they are now, and why one must not leave, or nothing."""
    query = _READERS.format(
        columns=", ".join(_dialect().column.format(f"r.{name}") for name in _READER),
        lists=",".join(str(int(one)) for one in mailing.snapshot.audience["lists"]) or "NULL",
        which=which,
    )
    with connection.cursor() as cursor:
        cursor.execute(query, [moment(now), *values])
        found, attempts, variants, readers, emails, names, countries, agreed, reasons = (
            json.loads(column or "[]") for column in cursor.fetchone()
        )
    codes, may = map(_codes, countries), map(bool, agreed)
    claimed = map(Claimed, found, repeat(mailing.pk), attempts, variants, readers, emails, names, codes, may)
    return list(zip(claimed, reasons, strict=True))


# Most readers chose one of a few combinations.
@lru_cache(maxsize=4096)
def _codes(countries: str) -> tuple[str, ...]:
    return split_codes(countries)


def _redirected(claimed: Iterable[Claimed], to: str) -> list[Claimed]:
    """As a rehearsal has them: nothing of a reader leaves the ledger but a number in words."""
    return [
        one._replace(email=to, name=f"Rehearsal for reader {one.subscriber}", subscriber=0, agreed=False)
        for one in claimed
    ]


def _numbers(ids: Collection[int]) -> str:
    """A list of numbers as this database reads it from a text."""
    return _dialect().listed.format(",".join(map(str, ids)))


def _dialect() -> _Dialect:
    return _POSTGRESQL if connection.vendor == "postgresql" else _SQLITE


def _text(value: datetime | None) -> str | None:
    """A moment as this database reads it from a text."""
    return None if value is None else str(moment(value))
