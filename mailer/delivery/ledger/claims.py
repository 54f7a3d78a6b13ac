"""Claims of planned deliveries: one row for all from a first number to a last.

An update of each of them would cost the database half as much again as all else that it does for sending.
A delivery leaves `planned` once and never comes back: what is put off, or sent once more for a doubt, is
deferred. So what is planned between the ends of a claim is held by the claim's owner, until it is settled.
"""
# ruff: noqa: S608  (queries are joined from constants of this module alone)

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Exists, IntegerField, OuterRef, Q
from django.db.models.expressions import RawSQL

from mailer.delivery.ledger.sql import moment, run
from mailer.delivery.models import Claim, Delivery, Mailing


class Stretch(NamedTuple):
    """Numbers of deliveries, both ends included."""

    first: int
    last: int


# Of a planned delivery in `mailer_delivery`: it belongs to the claim `c`; nobody holds it.
WITHIN = (
    "mailer_delivery.mailing_id = c.mailing_id AND mailer_delivery.state = 'planned' "
    "AND mailer_delivery.id BETWEEN c.first AND c.last"
)
FREE = f"NOT EXISTS (SELECT 1 FROM mailer_claim c WHERE {WITHIN})"
# Each look at what nobody holds goes through all claims.
_MOST_PIECES = 16
# Greater than any number.
_NO_BOUND = 2**63 - 1
_NEXT = """
SELECT MIN(id), MAX(id), COUNT(*) FROM (SELECT id FROM mailer_delivery WHERE mailing_id = %s
    AND state = 'planned' AND id BETWEEN %s AND %s ORDER BY id LIMIT %s) w
"""
_CLAIMED = "SELECT first, last FROM mailer_claim WHERE mailing_id = %s AND last > %s ORDER BY first"
_INSERT = "INSERT INTO mailer_claim (mailing_id, owner, first, last, lease_until) VALUES (%s, %s, %s, %s, %s)"
_SETTLED = (
    f"NOT EXISTS (SELECT 1 FROM mailer_delivery, mailer_claim c WHERE c.id = mailer_claim.id AND {WITHIN})"
)


def held() -> Q:
    """Deliveries that are planned, and that somebody is sending at this moment."""
    return Q(_within(), state=Delivery.State.PLANNED)


def free() -> Q:
    """Deliveries that are planned, and that nobody holds."""
    return Q(~_within(), state=Delivery.State.PLANNED)


def held_of(mailing: Mailing) -> RawSQL:
    """How many of a mailing's deliveries are held so, to be counted in one statement with others."""
    count = f"SELECT COUNT(*) FROM mailer_claim c JOIN mailer_delivery ON {WITHIN} WHERE c.mailing_id = %s"
    return RawSQL(count, [mailing.pk], output_field=IntegerField())  # noqa: S611  (joined from constants)


def take(mailing: Mailing, owner: str, lease_until: datetime, limit: int, after: int) -> list[Stretch]:
    """Claim up to `limit` planned deliveries that nobody holds, the first behind `after`.

    Belongs into a transaction in which nobody else claims of the mailing.
    """
    taken = []
    close(owner)
    with connection.cursor() as cursor:
        for gap in _gaps(mailing, after):
            cursor.execute(_NEXT, [mailing.pk, *gap, limit])
            first, last, count = cursor.fetchone()
            if count:
                cursor.execute(_INSERT, [mailing.pk, owner, first, last, moment(lease_until)])
                taken.append(Stretch(first, last))
                limit -= count
            if limit <= 0:
                break
    return taken


def any_free(mailing: Mailing) -> bool:
    """Whether `take` would find something."""
    with connection.cursor() as cursor:
        for gap in _gaps(mailing, 0):
            cursor.execute(_NEXT, [mailing.pk, *gap, 1])
            if cursor.fetchone()[2]:
                return True
    return False


def let_go(deliveries: Collection[int], owner: str) -> None:
    """Give back what is planned of these: the owner's claims shrink to what else they hold.

    A claim of which too many pieces would be left stays as it is.
    """
    given = set(deliveries)
    with transaction.atomic():
        for claim in Claim.objects.filter(owner=owner):
            if not any(claim.first <= number <= claim.last for number in given):
                continue
            planned = Delivery.objects.filter(
                mailing=claim.mailing_id, state=Delivery.State.PLANNED, pk__range=(claim.first, claim.last)
            )
            kept = list(_kept(planned.order_by("pk").values_list("pk", flat=True), given))
            if len(kept) > _MOST_PIECES:
                continue
            claim.delete()
            alike = {"mailing_id": claim.mailing_id, "owner": owner, "lease_until": claim.lease_until}
            Claim.objects.bulk_create(Claim(**alike, **one._asdict()) for one in kept)


def close(owner: str) -> None:
    """End the owner's claims of which everything is settled."""
    run(f"DELETE FROM mailer_claim WHERE owner = %s AND {_SETTLED}", owner)


def end(owner: str) -> None:
    """End all of the owner's claims: what is still planned of them is nobody's."""
    run("DELETE FROM mailer_claim WHERE owner = %s", owner)


def expire(now: datetime, words: str, settle_at: datetime) -> int:
    """What is planned of claims whose lease ran out becomes in doubt, to be settled; how many those were."""
    with transaction.atomic():
        count = run(
            "UPDATE mailer_delivery SET state = 'in_doubt', doubts = doubts + 1, attempts = attempts + 1, "
            "claimed_by = c.owner, reply = %s, due_at = %s "
            f"FROM mailer_claim c WHERE c.lease_until < %s AND {WITHIN}",
            words,
            moment(settle_at),
            moment(now),
        )
        run("DELETE FROM mailer_claim WHERE lease_until < %s", moment(now))
    return count


def _within() -> Exists:
    here = Claim.objects.filter(mailing=OuterRef("mailing"))
    return Exists(here.filter(first__lte=OuterRef("pk"), last__gte=OuterRef("pk")))


def _gaps(mailing: Mailing, after: int) -> Iterator[Stretch]:
    """Where nobody holds anything, from the first number behind `after` to the last that is released."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIMED, [mailing.pk, after])
        claimed = cursor.fetchall()
    begin, bound = after + 1, _NO_BOUND if mailing.released_up_to is None else mailing.released_up_to
    for first, last in (*claimed, (bound + 1, bound)):
        if begin < first:
            yield Stretch(begin, min(first - 1, bound))
        begin = max(begin, last + 1)


def _kept(numbers: Collection[int], given: Collection[int]) -> Iterator[Stretch]:
    """Stretches that hold the numbers, which are in order, and none of those that were given."""
    run: list[int] = []
    for number in numbers:
        if number not in given:
            run.append(number)
        elif run:
            yield Stretch(run[0], run[-1])
            run = []
    if run:
        yield Stretch(run[0], run[-1])
