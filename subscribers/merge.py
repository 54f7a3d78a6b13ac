"""Two people who turn out to be one: what is kept of whom, and how the other's old links still find them.

Leaving wins: what either of them left stays left, whatever the other has. Of the rest each list is kept in
the better state of the two, and whoever said that they still want one has said so. Name (where there is one),
language, countries, pause and agreement are those of the one who is kept. Whoever complained, or was stopped
by a person, takes that along.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from subscribers import tokens
from subscribers.models import Asked, ConsentRecord, FormerAddress, Subscriber, Subscription, Suppression
from subscribers.segments import attributes
from subscribers.signals import merged
from subscribers.suppression import suppression

_State = Subscription.State
# What was said about the person and not about the mailbox.
PERSONAL = (Suppression.Reason.COMPLAINT, Suppression.Reason.MANUAL, Suppression.Reason.ERASED)


def merge(kept: Subscriber, gone: Subscriber, now: datetime) -> None:
    """Make one person of two, in one transaction; the ledger keeps what both said. There is no undo."""
    if kept.pk == gone.pk:
        raise ValueError("A person cannot become one with themselves.")
    with transaction.atomic():
        list(Subscriber.objects.select_for_update().filter(pk__in=[kept.pk, gone.pk]).order_by("pk"))
        _answers(kept, gone)
        _lists(kept, gone)
        ConsentRecord.objects.filter(subscriber=gone).update(subscriber=kept)
        FormerAddress.objects.filter(subscriber=gone).update(subscriber=kept)
        attributes.take_over(kept, gone)
        stopped = suppression.in_force(gone)
        if stopped is not None and stopped.reason in PERSONAL:
            suppression.suppress(kept, stopped.reason, "It was said at another address of theirs.", now)
        if gone.name and not kept.name:
            kept.name = gone.name
            kept.save(update_fields=["name", "updated_at"])
        number, address = gone.pk, bytes(gone.address_hash)
        merged.send(Subscriber, kept=kept.pk, gone=number)
        gone.delete()
        remember(kept, address, now, number)


def remember(
    person: Subscriber, address: bytes, now: datetime, number: int | None = None, *, own: bool = True
) -> None:
    """Note an address (its hash) as one that the person had before, or (not `own`) that was never theirs."""
    fresh = {"subscriber": person, "since": now, "own": own} | ({} if number is None else {"number": number})
    FormerAddress.objects.update_or_create(address_hash=address, defaults=fresh)


def moved(person: Subscriber, before: bytes, now: datetime, *, own: bool = True) -> None:
    """Note that the person has another address now than `before` (its hash); `own` as `remember` takes it.

    The present one is no former one any more, but for the number of whoever had it.
    """
    FormerAddress.objects.filter(address_hash=bytes(person.address_hash), number=None).delete()
    remember(person, before, now, own=own)


def person_of(number: int) -> Subscriber | None:
    """Whom a number stands for that a link or a copy carries, also after two became one."""
    return people_of([number]).get(number)


def read(purpose: tokens.PagePurpose, token: str) -> tuple[tokens.Claim, Subscriber]:
    """What a link claims and whom it is about; raises InvalidToken, also where the person is gone."""
    claim = tokens.read(purpose, token)
    person = person_of(claim.subscriber)
    if person is None:
        raise tokens.InvalidToken("nobody of ours")
    return claim, person


def people_of(numbers: Iterable[int]) -> dict[int, Subscriber]:
    """`person_of` for many: number to person, without those who are gone."""
    wanted = set(numbers)
    found = Subscriber.objects.in_bulk(wanted)
    missing = wanted - found.keys()
    if missing:
        rows = FormerAddress.objects.filter(number__in=missing).select_related("subscriber")
        found |= {row.number: row.subscriber for row in rows if row.number is not None}
    return found


class Moves:
    """Which of these people moved when: what came back from an address says nothing about the next."""

    def __init__(self, people: Iterable[Subscriber]) -> None:
        self._moves: defaultdict[int, list[tuple[datetime, bytes]]] = defaultdict(list)
        rows = FormerAddress.objects.filter(subscriber__in=list(people), number=None).order_by("since")
        for row in rows:
            self._moves[row.subscriber_id].append((row.since, bytes(row.address_hash)))

    def address_at(self, person: Subscriber, at: datetime) -> bytes:
        """Hash of the address that the person had then."""
        moves = self._moves[person.pk]
        return next((known for since, known in moves if since > at), bytes(person.address_hash))


def _answers(kept: Subscriber, gone: Subscriber) -> None:
    """Whether they still want a list; silence at one address says nothing where they get it at the other."""
    mine = {row.asking_id: row for row in Asked.objects.select_for_update().filter(subscriber=kept)}
    gets = set(kept.subscriptions.filter(state=_State.CONFIRMED).values_list("mailing_list", flat=True))
    theirs = Asked.objects.select_for_update(of=("self",)).filter(subscriber=gone)
    for row in theirs.select_related("asking"):
        if both := mine.get(row.asking_id):
            both.at = max(both.at, row.at)
            both.stays_at = max(filter(None, (both.stays_at, row.stays_at)), default=None)
            both.save(update_fields=["at", "stays_at"])
        elif row.stays_at or row.asking.mailing_list_id not in gets:
            Asked.objects.filter(pk=row.pk).update(subscriber=kept)


def _lists(kept: Subscriber, gone: Subscriber) -> None:
    own = {row.mailing_list_id: row for row in kept.subscriptions.select_for_update()}
    for row in gone.subscriptions.select_for_update():
        mine = own.get(row.mailing_list_id)
        if mine is None:
            Subscription.objects.filter(pk=row.pk).update(subscriber=kept)
        elif _weight(row) > _weight(mine):
            # One row for each person and list: the one that counts takes the other's place.
            mine.delete()
            Subscription.objects.filter(pk=row.pk).update(subscriber=kept)


def _weight(row: Subscription) -> tuple[bool, bool]:
    # A pending row with an end is somebody who left and has not come back yet.
    left = row.state == _State.UNSUBSCRIBED or (row.state == _State.PENDING and row.ended_at is not None)
    return left, row.state == _State.CONFIRMED
