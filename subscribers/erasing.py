"""Erasure: the person goes, and a keyed hash stays, so that no later import brings them back."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from subscribers.addresses import address_hash
from subscribers.importing.models import ImportRefusal, ImportRow
from subscribers.models import Subscriber, Suppression
from subscribers.suppress import suppress, written


def erase(email: str, now: datetime) -> bool:
    """Delete everything that names this address and leave a suppression by its hash; repeating is harmless.

    False, and nothing changed, when the address was never known here.
    """
    address = written(email)
    known = address_hash(address)
    with transaction.atomic():
        deleted, _ = Subscriber.objects.filter(address_hash=known).delete()
        if not deleted and not Suppression.objects.filter(address_hash=known).exists():
            return False
        row = suppress(address, Suppression.Reason.ERASED, "", now)
        # A bounce's or a complaint's words may repeat the address, in suppressions lifted long ago too.
        Suppression.objects.filter(address_hash=known).update(email="", evidence="")
        for rows in (ImportRow, ImportRefusal):
            rows._default_manager.filter(address_hash=known).delete()
        Suppression.objects.filter(pk=row.pk).update(reason=Suppression.Reason.ERASED)
    return True
