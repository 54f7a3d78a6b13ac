"""Erasure: the person goes, and a keyed hash stays, so that no later import brings them back."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from subscribers.addresses import address_hash
from subscribers.imports.models import ImportChange, ImportRefusal, ImportRow
from subscribers.models import FormerAddress, Subscriber, Suppression
from subscribers.privacy import redaction
from subscribers.signals import erased
from subscribers.suppression import normalise_or_lower


def erase(email: str, now: datetime) -> bool:
    """Delete everything that names this address and leave a suppression by its hash; repeating is harmless.

    An address that the person had before stands for them too. False, and nothing changed, when the address
    was never known here.
    """
    address = normalise_or_lower(email)
    hashed = address_hash(address)
    with transaction.atomic():
        subscribers = list(Subscriber.objects.filter(address_hash=hashed)) or list(
            Subscriber.objects.filter(former_addresses__address_hash=hashed, former_addresses__is_own=True)
        )
        if not subscribers and not Suppression.objects.filter(address_hash=hashed).exists():
            return False
        hashes = [hashed, *_other_hashes(subscribers, hashed)]
        addresses = _known_addresses(subscribers, address)
        # First of all: a change of many people holds its row before it touches anybody.
        redaction.redact(addresses)
        _send_signal(subscribers, addresses)
        subscriber_ids = [person.pk for person in subscribers]
        Subscriber.objects.filter(pk__in=subscriber_ids).delete()
        # A bounce's or a complaint's words may repeat the address, in suppressions lifted long ago too.
        Suppression.objects.filter(address_hash__in=hashes).update(email="", evidence="")
        for rows in (ImportRow, ImportRefusal):
            rows._default_manager.filter(address_hash__in=hashes).delete()
        ImportChange.objects.filter(subscriber__in=subscriber_ids).delete()
        for one in hashes:
            _suppress_as_erased(one, now)
    return True


def _send_signal(people: list[Subscriber], addresses: list[str]) -> None:
    former = FormerAddress.objects.filter(subscriber__in=people, merged_subscriber_id__isnull=False)
    numbers = [person.pk for person in people] + list(former.values_list("merged_subscriber_id", flat=True))
    erased.send(Subscriber, subscriber_ids=tuple(numbers), addresses=tuple(addresses))


def _known_addresses(people: list[Subscriber], address: str) -> list[str]:
    """The address, and all others of these people that are known in words."""
    changes = [
        email
        for person in people
        for row in person.address_changes.all()
        for email in (row.old_email, row.new_email)
    ]
    return sorted({address, *(person.email for person in people), *changes})


def _other_hashes(people: list[Subscriber], known: bytes) -> list[bytes]:
    """Hashes of what these people's addresses are and were, besides the one that is known."""
    were = FormerAddress.objects.filter(subscriber__in=people, is_own=True).values_list(
        "address_hash", flat=True
    )
    found = {bytes(one.address_hash) for one in people} | {bytes(one) for one in were}
    return sorted(found - {known})


def _suppress_as_erased(known: bytes, now: datetime) -> None:
    Suppression.objects.update_or_create(
        address_hash=known,
        lifted_at__isnull=True,
        defaults={"reason": Suppression.Reason.ERASED},
        create_defaults={"reason": Suppression.Reason.ERASED, "created_at": now},
    )
