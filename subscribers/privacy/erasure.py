"""Erasure: the person goes, and a keyed hash stays, so that no later import brings them back."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from subscribers.addresses import address_hash
from subscribers.imports.models import ImportChange, ImportRefusal, ImportRow
from subscribers.models import FormerAddress, Subscriber, Suppression
from subscribers.privacy import redaction
from subscribers.signals import erased
from subscribers.suppression.suppression import written


def erase(email: str, now: datetime) -> bool:
    """Delete everything that names this address and leave a suppression by its hash; repeating is harmless.

    An address that the person had before stands for them too. False, and nothing changed, when the address
    was never known here.
    """
    address = written(email)
    known = address_hash(address)
    with transaction.atomic():
        people = list(Subscriber.objects.filter(address_hash=known)) or list(
            Subscriber.objects.filter(former_addresses__address_hash=known, former_addresses__own=True)
        )
        if not people and not Suppression.objects.filter(address_hash=known).exists():
            return False
        everything = [known, *_other_addresses(people, known)]
        addresses = _addresses(people, address)
        # First of all: a change of many people holds its row before it touches anybody.
        redaction.unsay(addresses)
        _tell(people, addresses)
        numbers = [person.pk for person in people]
        Subscriber.objects.filter(pk__in=numbers).delete()
        # A bounce's or a complaint's words may repeat the address, in suppressions lifted long ago too.
        Suppression.objects.filter(address_hash__in=everything).update(email="", evidence="")
        for rows in (ImportRow, ImportRefusal):
            rows._default_manager.filter(address_hash__in=everything).delete()
        ImportChange.objects.filter(subscriber__in=numbers).delete()
        for one in everything:
            _stop(one, now)
    return True


def _tell(people: list[Subscriber], addresses: list[str]) -> None:
    former = FormerAddress.objects.filter(subscriber__in=people, number__isnull=False)
    numbers = [person.pk for person in people] + list(former.values_list("number", flat=True))
    erased.send(Subscriber, numbers=tuple(numbers), addresses=tuple(addresses))


def _addresses(people: list[Subscriber], address: str) -> list[str]:
    """The address, and all others of these people that are known in words."""
    changes = [
        email
        for person in people
        for row in person.address_changes.all()
        for email in (row.old_email, row.new_email)
    ]
    return sorted({address, *(person.email for person in people), *changes})


def _other_addresses(people: list[Subscriber], known: bytes) -> list[bytes]:
    """Hashes of what these people's addresses are and were, besides the one that is known."""
    were = FormerAddress.objects.filter(subscriber__in=people, own=True).values_list(
        "address_hash", flat=True
    )
    found = {bytes(one.address_hash) for one in people} | {bytes(one) for one in were}
    return sorted(found - {known})


def _stop(known: bytes, now: datetime) -> None:
    Suppression.objects.update_or_create(
        address_hash=known,
        lifted_at__isnull=True,
        defaults={"reason": Suppression.Reason.ERASED},
        create_defaults={"reason": Suppression.Reason.ERASED, "created_at": now},
    )
