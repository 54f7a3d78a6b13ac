"""The ledger: claiming deliveries and recording what became of them, at the database's own speed.

Every change is conditional on the row still being in the state and hands that the change starts from, so two
workers, or one that came back late, never undo each other. A batch crosses in one value, as JSON: row by row
the thread would hand Python's lock to and fro each time. SQLite uses a partial index only where a query
repeats its condition word for word: `state = 'planned'` is written out, never a parameter.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import F

from mailer.approval import seal
from mailer.approval.models import Approval, FrozenCopy
from mailer.delivery.models import Mailing
from mailer.delivery.records import Claimed, Result, State
from subscribers.fields import split_codes


class _Dialect(NamedTuple):
    """How a database writes the same statements."""

    # Rows of the expressions in it as one text of JSON, and a column of numbers likewise.
    rows: str
    column: str
    # A parameter with a JSON list of numbers, and one with lists of [id, text, moment], as tables.
    numbers: str
    triples: str
    # Takes the rows that nobody else is taking.
    lock: str


_SQLITE = _Dialect(
    rows="json_group_array(json_array({}))",
    column="json_group_array({})",
    numbers="SELECT value AS id FROM json_each(%s)",
    triples="SELECT json_extract(value, '$[0]') AS id, json_extract(value, '$[1]') AS words, "
    "json_extract(value, '$[2]') AS moment FROM json_each(%s)",
    lock="",
)
_POSTGRESQL = _Dialect(
    rows="json_agg(json_build_array({}))::text",
    column="json_agg({})::text",
    numbers="SELECT value::bigint AS id FROM json_array_elements_text(%s::json)",
    triples="SELECT (value->>0)::bigint AS id, value->>1 AS words, (value->>2)::timestamptz AS moment "
    "FROM json_array_elements(%s::json)",
    lock="FOR UPDATE SKIP LOCKED",
)

_WANTED = "SELECT id FROM mailer_delivery WHERE mailing_id = %s AND {due} ORDER BY {order} LIMIT %s {lock}"
_CLAIM = """
UPDATE mailer_delivery
SET state = 'claimed', claimed_by = %s, lease_until = %s, attempts = attempts + 1, due_at = NULL
WHERE id IN ({ids}) AND {state}
AND EXISTS (SELECT 1 FROM mailer_mailing m WHERE m.id = mailer_delivery.mailing_id AND m.state = 'sending')
"""
# What stands between a claim and its message, as things are at this moment.
_READERS = """
SELECT {rows} FROM (
    SELECT d.id, d.mailing_id, d.attempts, d.variant_id, d.subscriber, s.email, s.name, d.countries,
        s.tracking_agreed_at IS NOT NULL AS agreed, COALESCE(s.paused_until > %s, FALSE) AS paused,
        EXISTS (SELECT 1 FROM subscribers_suppression x
                WHERE x.address_hash = s.address_hash AND x.lifted_at IS NULL) AS suppressed,
        EXISTS (SELECT 1 FROM subscribers_subscription u WHERE u.subscriber_id = d.subscriber
                AND u.mailing_list_id IN ({lists}) AND u.state = 'confirmed') AS subscribed
    FROM ({numbers}) claimed JOIN mailer_delivery d ON d.id = claimed.id
    LEFT JOIN subscribers_subscriber s ON s.id = d.subscriber
    ORDER BY d.id
) r
"""
_READER = (
    "r.id, r.mailing_id, r.attempts, r.variant_id, r.subscriber, r.email, r.name, r.countries, "
    "r.agreed, r.suppressed, r.paused, r.subscribed"
)
_RECORD = """
UPDATE mailer_delivery
SET state = %s, reason = %s, reply = r.words, due_at = r.moment, accepted_at = %s, lease_until = NULL,
    doubts = doubts + %s, claimed_by = CASE WHEN %s = 1 THEN claimed_by ELSE '' END
FROM ({triples}) r
WHERE mailer_delivery.id = r.id AND claimed_by = %s AND state IN ('claimed', 'in_doubt')
"""
_GIVE_BACK = """
UPDATE mailer_delivery
SET state = %s, due_at = r.moment, reason = r.words, attempts = attempts - 1, claimed_by = '',
    lease_until = NULL
FROM ({triples}) r
WHERE mailer_delivery.id = r.id AND claimed_by = %s AND state = 'claimed'
"""


def claim(mailing: Mailing, owner: str, lease_until: datetime, limit: int, now: datetime) -> list[Claimed]:
    """Take up to `limit` deliveries that are due, those put off first; nobody else can hold them then.

    Readers who left, paused, were suppressed or erased since planning become excluded instead, so fewer may
    come back than were due, and none does not mean that none is left. A mailing that is not being sent gives
    none, and one that is released in steps gives none beyond its step.
    """
    with transaction.atomic():
        ids = _take("deferred", mailing, owner, lease_until, limit, now)
        if len(ids) < limit:
            ids += _take("planned", mailing, owner, lease_until, limit - len(ids), now)
        claimed, excluded = _meet(ids, tuple(mailing.copy.audience["lists"]), now)
        record(
            [Result(delivery, State.EXCLUDED, reason=reason) for delivery, reason in excluded],
            owner,
        )
    return _redirected(claimed, mailing.rehearsal_to) if mailing.rehearsal_to else claimed


def is_due(mailing: Mailing, now: datetime) -> bool:
    """Whether a claim would find anything."""
    with connection.cursor() as cursor:
        for state in ("deferred", "planned"):
            due, parameters = _due(state, mailing, now)
            cursor.execute(
                f"SELECT 1 FROM mailer_delivery WHERE mailing_id = %s AND {due} LIMIT 1",  # noqa: S608
                [mailing.pk, *parameters],
            )
            if cursor.fetchone():
                return True
    return False


def is_sealed(mailing: Mailing) -> bool:
    """Whether the mailing's copy carries an approval of exactly its hash, and still counts.

    For a rehearsal it is enough that the copy still waits for its approval or its moment.
    """
    if mailing.rehearsal_to:
        return FrozenCopy.objects.filter(pk=mailing.copy_id, state__in=seal.OPEN).exists()
    return Approval.objects.filter(
        copy=mailing.copy_id, sha256=F("copy__sha256"), copy__state=FrozenCopy.State.SCHEDULED
    ).exists()


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
    statement = _RECORD.format(triples=_dialect().triples)
    with transaction.atomic(), connection.cursor() as cursor:
        for (state, reason, accepted), rows in alike.items():
            doubt = int(state == State.IN_DOUBT)
            cursor.execute(
                statement,
                [str(state), str(reason)[:40], _moment(accepted), doubt, doubt, json.dumps(rows), owner],
            )


def release(deliveries: Iterable[int], owner: str) -> None:
    """Give back what was claimed and not tried: planned again, as if it had not been claimed."""
    _give_back(State.PLANNED, [(delivery, "", None) for delivery in deliveries], owner)


def put_off(deliveries: Iterable[tuple[int, datetime]], owner: str, reason: str = "") -> None:
    """Give back what was claimed and not tried, each to be due at its moment; no attempt is counted."""
    _give_back(State.DEFERRED, [(delivery, reason[:40], _text(due)) for delivery, due in deliveries], owner)


def holds(owner: str) -> bool:
    """Whether `owner` still has claims open."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM mailer_delivery WHERE state = 'claimed' AND claimed_by = %s LIMIT 1", [owner]
        )
        return cursor.fetchone() is not None


def _due(state: str, mailing: Mailing, now: datetime) -> tuple[str, list[Any]]:
    if state == "deferred":
        return "state = 'deferred' AND due_at <= %s", [_moment(now)]
    if mailing.released_up_to is not None:
        return "state = 'planned' AND id <= %s", [mailing.released_up_to]
    return "state = 'planned'", []


def _take(
    state: str, mailing: Mailing, owner: str, lease_until: datetime, limit: int, now: datetime
) -> list[int]:
    due, parameters = _due(state, mailing, now)
    dialect = _dialect()
    wanted = _WANTED.format(due=due, order="due_at" if state == "deferred" else "id", lock=dialect.lock)
    choice = [mailing.pk, *parameters, limit]
    hold = [owner, _moment(lease_until)]
    with connection.cursor() as cursor:
        if dialect is _POSTGRESQL:
            # It may run a subquery anew for each row, skip what it has locked itself, and so go beyond the
            # limit; a materialized one is run once.
            claim = _CLAIM.format(ids="SELECT id FROM wanted", state=f"state = '{state}'")
            cursor.execute(
                f"WITH wanted AS MATERIALIZED ({wanted}), taken AS ({claim} RETURNING id) "  # noqa: S608
                f"SELECT {dialect.column.format('id')} FROM taken",
                [*choice, *hold],
            )
            return sorted(json.loads(cursor.fetchone()[0] or "[]"))
        # The transaction holds the only write lock: nobody else takes them in between.
        cursor.execute(f"SELECT {dialect.column.format('id')} FROM ({wanted})", choice)  # noqa: S608
        ids = cursor.fetchone()[0]
        if ids == "[]":
            return []
        claim = _CLAIM.format(ids=dialect.numbers, state=f"state = '{state}'")
        cursor.execute(claim, [*hold, ids])
        return sorted(json.loads(ids)) if cursor.rowcount else []


def _meet(
    ids: list[int], lists: tuple[int, ...], now: datetime
) -> tuple[list[Claimed], list[tuple[int, str]]]:
    """The claimed deliveries with their readers as they are now, and those to exclude, with reasons."""
    claimed: list[Claimed] = []
    excluded: list[tuple[int, str]] = []
    if not ids:
        return claimed, excluded
    dialect = _dialect()
    chosen = ",".join(str(int(one)) for one in lists) or "NULL"
    query = _READERS.format(rows=dialect.rows.format(_READER), lists=chosen, numbers=dialect.numbers)
    with connection.cursor() as cursor:
        cursor.execute(query, [_moment(now), json.dumps(ids)])
        rows = json.loads(cursor.fetchone()[0] or "[]")
    for delivery, mailing, attempt, variant, subscriber, email, name, countries, agreed, *kept in rows:
        if reason := _why_not(email, *kept):
            excluded.append((delivery, reason))
            continue
        codes = split_codes(countries) if countries else ()
        claimed.append(
            Claimed(delivery, mailing, attempt, variant, subscriber, email, name, codes, bool(agreed))
        )
    return claimed, excluded


def _why_not(email: str | None, suppressed: bool, paused: bool, subscribed: bool) -> str:
    """Why a reader gets nothing after all; empty: they do."""
    if email is None:
        return "erased"
    if suppressed:
        return "suppressed"
    if not subscribed:
        return "unsubscribed"
    return "paused" if paused else ""


def _redirected(claimed: Iterable[Claimed], to: str) -> list[Claimed]:
    """As a rehearsal has them: nothing of a reader leaves the ledger but a number in words."""
    return [
        one._replace(email=to, name=f"Rehearsal for reader {one.subscriber}", subscriber=0, agreed=False)
        for one in claimed
    ]


def _give_back(state: str, rows: Sequence[tuple[int, str, Any]], owner: str) -> None:
    if not rows:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_GIVE_BACK.format(triples=_dialect().triples), [str(state), json.dumps(rows), owner])


def _dialect() -> _Dialect:
    return _POSTGRESQL if connection.vendor == "postgresql" else _SQLITE


def _moment(value: datetime | None) -> Any:
    """A moment as this database keeps it."""
    return connection.ops.adapt_datetimefield_value(value)


def _text(value: datetime | None) -> str | None:
    """A moment as this database reads it from a text."""
    return None if value is None else str(_moment(value))
