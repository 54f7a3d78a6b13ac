"""Claims of planned deliveries: one row claims every planned delivery from a first id to a last.

An update of each delivery would cost the database half as much again as all other work for sending.
A delivery is never planned again after its first attempt: whatever is tried again is deferred. So the planned
deliveries within a claim belong to the claim's owner until they are settled.
"""
# ruff: noqa: S608  (queries are joined from constants of this module alone)

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Exists, IntegerField, OuterRef, Q
from django.db.models.expressions import RawSQL

from mailer.delivery.ledger.sql_helpers import execute, to_db_datetime
from mailer.delivery.models import Claim, Delivery, Mailing


class IdRange(NamedTuple):
    """Ids of deliveries, both ends included."""

    first: int
    last: int


# Of a planned delivery in `mailer_delivery`: it belongs to the claim `c`; it belongs to no claim.
IN_CLAIM = (
    "mailer_delivery.mailing_id = c.mailing_id AND mailer_delivery.state = 'planned' "
    "AND mailer_delivery.id BETWEEN c.first AND c.last"
)
UNCLAIMED = f"NOT EXISTS (SELECT 1 FROM mailer_claim c WHERE {IN_CLAIM})"
# Every search for unclaimed deliveries reads all claims of the mailing, so they must stay few.
_MAX_PIECES = 16
# The greatest id.
_MAX_ID = 2**63 - 1
_NEXT_PLANNED = """
SELECT MIN(id), MAX(id), COUNT(*) FROM (SELECT id FROM mailer_delivery WHERE mailing_id = %s
    AND state = 'planned' AND id BETWEEN %s AND %s ORDER BY id LIMIT %s) w
"""
_CLAIMED = "SELECT first, last FROM mailer_claim WHERE mailing_id = %s ORDER BY first"
_INSERT = "INSERT INTO mailer_claim (mailing_id, owner, first, last, lease_until) VALUES (%s, %s, %s, %s, %s)"
_SETTLED = (
    f"NOT EXISTS (SELECT 1 FROM mailer_delivery, mailer_claim c WHERE c.id = mailer_claim.id AND {IN_CLAIM})"
)


def planned_in_claim_condition() -> Q:
    """Planned deliveries that a worker is sending at this moment."""
    return Q(_in_claim(), state=Delivery.State.PLANNED)


def unclaimed_condition() -> Q:
    """Planned deliveries that no worker has claimed."""
    return Q(~_in_claim(), state=Delivery.State.PLANNED)


def planned_in_claims_count(mailing: Mailing) -> RawSQL:
    """The number of a mailing's planned deliveries within claims, as a column of another query."""
    count = f"SELECT COUNT(*) FROM mailer_claim c JOIN mailer_delivery ON {IN_CLAIM} WHERE c.mailing_id = %s"
    return RawSQL(count, [mailing.pk], output_field=IntegerField())  # noqa: S611  (joined from constants)


def claim_ranges(
    mailing: Mailing, owner: str, lease_until: datetime, limit: int, previous_claim_end: int
) -> list[IdRange]:
    """Claim up to `limit` unclaimed planned deliveries: those behind every claim and above
    `previous_claim_end` first.

    `previous_claim_end` is where the owner's last claim ended. What is before it, and between claims, other
    workers have mostly sent: to search there, the database would read the index entries of all those again.

    The caller's transaction must hold the mailing's row, so that no other worker claims at the same time.
    """
    ranges = []
    delete_settled(owner)
    gaps = list(_unclaimed_ranges(mailing))
    behind = gaps.pop() if gaps else None
    if behind is not None:
        gaps = [behind._replace(first=max(behind.first, previous_claim_end + 1)), *gaps]
        if previous_claim_end >= behind.first:
            gaps.append(behind._replace(last=min(previous_claim_end, behind.last)))
    with connection.cursor() as cursor:
        for gap in gaps:
            if limit <= 0:
                break
            cursor.execute(_NEXT_PLANNED, [mailing.pk, *gap, limit])
            first, last, count = cursor.fetchone()
            if count:
                cursor.execute(_INSERT, [mailing.pk, owner, first, last, to_db_datetime(lease_until)])
                ranges.append(IdRange(first, last))
                limit -= count
    return ranges


def has_unclaimed(mailing: Mailing) -> bool:
    """Whether `claim_ranges` would find a delivery."""
    with connection.cursor() as cursor:
        for gap in _unclaimed_ranges(mailing):
            cursor.execute(_NEXT_PLANNED, [mailing.pk, *gap, 1])
            if cursor.fetchone()[2]:
                return True
    return False


def release(deliveries: Collection[int], owner: str) -> None:
    """Take these deliveries out of the owner's claims, which are split around them.

    A claim that would fall into too many pieces stays as it is.
    """
    released = set(deliveries)
    with transaction.atomic():
        for claim in Claim.objects.filter(owner=owner):
            if not any(claim.first <= number <= claim.last for number in released):
                continue
            planned = Delivery.objects.filter(
                mailing=claim.mailing_id, state=Delivery.State.PLANNED, pk__range=(claim.first, claim.last)
            )
            remaining = list(_ranges_without(planned.order_by("pk").values_list("pk", flat=True), released))
            if len(remaining) > _MAX_PIECES:
                continue
            claim.delete()
            shared = {"mailing_id": claim.mailing_id, "owner": owner, "lease_until": claim.lease_until}
            Claim.objects.bulk_create(Claim(**shared, **one._asdict()) for one in remaining)


def delete_settled(owner: str) -> None:
    """Delete the owner's claims without any planned delivery."""
    execute(f"DELETE FROM mailer_claim WHERE owner = %s AND {_SETTLED}", owner)


def release_all(owner: str) -> None:
    """Delete all of the owner's claims: their planned deliveries become unclaimed."""
    execute("DELETE FROM mailer_claim WHERE owner = %s", owner)


def delete_expired_claims(owner: str, now: datetime) -> None:
    """Delete the owner's claims whose lease has ended, once their deliveries are settled."""
    execute("DELETE FROM mailer_claim WHERE owner = %s AND lease_until < %s", owner, to_db_datetime(now))


def mark_expired_claims_in_doubt(now: datetime, reply: str, settle_at: datetime) -> int:
    """Mark the planned deliveries of expired claims as in doubt, to be settled at `settle_at`; how many."""
    with transaction.atomic():
        count = execute(
            "UPDATE mailer_delivery SET state = 'in_doubt', doubts = doubts + 1, attempts = attempts + 1, "
            "claimed_by = c.owner, reply = %s, due_at = %s "
            f"FROM mailer_claim c WHERE c.lease_until < %s AND {IN_CLAIM}",
            reply,
            to_db_datetime(settle_at),
            to_db_datetime(now),
        )
        execute("DELETE FROM mailer_claim WHERE lease_until < %s", to_db_datetime(now))
    return count


def _in_claim() -> Exists:
    here = Claim.objects.filter(mailing=OuterRef("mailing"))
    return Exists(here.filter(first__lte=OuterRef("pk"), last__gte=OuterRef("pk")))


def _unclaimed_ranges(mailing: Mailing) -> Iterator[IdRange]:
    """The ranges outside every claim, in order, up to the last id that is released."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIMED, [mailing.pk])
        claims = cursor.fetchall()
    begin, bound = 1, _MAX_ID if mailing.released_up_to is None else mailing.released_up_to
    for first, last in (*claims, (bound + 1, bound)):
        if begin < first:
            yield IdRange(begin, min(first - 1, bound))
        begin = max(begin, last + 1)


def _ranges_without(ids: Collection[int], excluded: Collection[int]) -> Iterator[IdRange]:
    """Ranges with all of the ids, which are in order, but none of the excluded ones."""
    run: list[int] = []
    for number in ids:
        if number not in excluded:
            run.append(number)
        elif run:
            yield IdRange(run[0], run[-1])
            run = []
    if run:
        yield IdRange(run[0], run[-1])
