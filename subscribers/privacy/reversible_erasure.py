"""Erasures that a former address can reverse for 30 days: an encrypted copy of what was deleted.

A person who took an address over could otherwise erase the subscriber, before the notice at the old address
is read. No page, command or export shows the copy, and nothing but the link “It was not me” decrypts it. It
is deleted when that link expires, or when staff erase the address. Nothing is kept where no address was
changed lately. Bounces, replies of mail servers, clicks by name and emails to the subscriber are not kept.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core import serializers
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model

from subscribers.addresses import address_hash
from subscribers.models import (
    AddressChange,
    DataLink,
    FormerAddress,
    ReversibleErasure,
    Subscriber,
    Suppression,
)
from subscribers.suppression import lift

_KEY_OCTETS = 32


# No mail arrives at it (RFC 2606 §2).
_PLACEHOLDER = "erased-{}@restored.invalid"


@dataclass(frozen=True)
class StoredErasure:
    """A decrypted ReversibleErasure."""

    pk: int
    subscriber: Subscriber
    # The other rows about the subscriber, in the order in which they can be created.
    rows: tuple[Model, ...]
    # Hexadecimal address hash → reason, address and evidence of the suppression before the erasure.
    suppressions: dict[str, list[str]]

    def change(self, change_id: int) -> AddressChange:
        """The subscriber's change of address with this id. Raises StopIteration without it."""
        return next(row for row in self.rows if isinstance(row, AddressChange) and row.pk == change_id)


class _Encoder(DjangoJSONEncoder):
    """Keeps the microseconds of times."""

    def default(self, o: Any) -> Any:
        return o.isoformat() if isinstance(o, datetime) else super().default(o)


def reversible_changes(subscriber: Subscriber, now: datetime) -> list[AddressChange]:
    """Changes of the subscriber's address that the old address can still reject, oldest first."""
    return list(
        subscriber.address_changes.filter(
            changed_at__gt=now - AddressChange.REJECT_WITHIN, new_is_known=False, rejected_at__isnull=True
        )
    )


def build_encrypted_copy(subscriber: Subscriber, changes: Collection[AddressChange]) -> ReversibleErasure:
    """The subscriber, ready to be saved once they are erased; links about these changes reverse it."""
    rows = list(_rows(subscriber))
    hashes = {bytes(subscriber.address_hash)}
    hashes |= {bytes(row.address_hash) for row in rows if isinstance(row, FormerAddress) and row.is_own}
    active = Suppression.objects.filter(address_hash__in=hashes, lifted_at__isnull=True)
    content = {
        "rows": serializers.serialize("json", [subscriber, *rows], cls=_Encoder),
        "suppressions": {
            bytes(row.address_hash).hex(): [row.reason, row.email, row.evidence] for row in active
        },
    }
    return ReversibleErasure(
        change_ids=[change.pk for change in changes],
        address_hashes=sorted(one.hex() for one in hashes),
        encrypted=_cipher().encrypt(json.dumps(content).encode()),
        expires_at=max(change.reject_until for change in changes),
    )


def find_reversible(change_id: int, now: datetime) -> StoredErasure | None:
    """The erasure that a link about this change reverses, if it still can be."""
    rows = ReversibleErasure.objects.filter(expires_at__gt=now)
    stored = next((row for row in rows if change_id in row.change_ids), None)
    if stored is None:
        return None
    content = json.loads(_cipher().decrypt(bytes(stored.encrypted)))
    subscriber, *others = (one.object for one in serializers.deserialize("json", content["rows"]))
    assert isinstance(subscriber, Subscriber)
    return StoredErasure(stored.pk, subscriber, tuple(others), content["suppressions"])


def restore_erased(erasure: StoredErasure, old_email: str, now: datetime) -> bool:
    """Create the subscriber again, in the caller's transaction; False when it was done already.

    `old_email`, the address to which the reader comes back, is suppressed only if it was so before.
    """
    if not ReversibleErasure.objects.filter(pk=erasure.pk).delete()[0]:
        return False
    subscriber = erasure.subscriber
    if Subscriber.objects.filter(email=subscriber.email).exists():
        # Another person signed up with it since.
        subscriber.email = _PLACEHOLDER.format(subscriber.pk)
    subscriber.save(force_insert=True)
    for row in erasure.rows:
        if _can_be_created(row):
            row.save_base(raw=True, force_insert=True)
    _restore_suppression(address_hash(old_email), erasure.suppressions, now)
    return True


def delete_expired(now: datetime) -> None:
    """Delete what cannot be restored any more."""
    ReversibleErasure.objects.filter(expires_at__lte=now).delete()


def delete_reversible(hashes: Collection[bytes]) -> None:
    """Make erasures of these addresses final."""
    wanted = {one.hex() for one in hashes}
    for row in ReversibleErasure.objects.only("pk", "address_hashes"):
        if wanted & set(row.address_hashes):
            row.delete()


def _rows(subscriber: Subscriber) -> Iterator[Model]:
    """Every row that is deleted with the subscriber, but for links."""
    for relation in Subscriber._meta.related_objects:
        model: Any = relation.related_model
        if model is not DataLink:
            yield from model._default_manager.filter(**{relation.field.name: subscriber}).order_by("pk")


def _can_be_created(row: Model) -> bool:
    """Whether what the row refers to still exists: a list or tag may have been deleted."""
    if isinstance(row, FormerAddress) and (
        FormerAddress.objects.filter(address_hash=bytes(row.address_hash)).exists()
    ):
        return False
    for field in row._meta.concrete_fields:
        target, value = field.related_model, getattr(row, field.attname)
        if target is not None and value is not None:
            manager: Any = target._default_manager
            if not manager.filter(pk=value).exists():
                return False
    return True


def _restore_suppression(hashed: bytes, before: dict[str, list[str]], now: datetime) -> None:
    erased = Suppression.objects.filter(
        address_hash=hashed, reason=Suppression.Reason.ERASED, lifted_at__isnull=True
    )
    if hashed.hex() in before:
        reason, email, evidence = before[hashed.hex()]
        erased.update(reason=reason, email=email, evidence=evidence)
    else:
        for row in erased:
            lift(row, "the reader at their former address", now)


def _cipher() -> MultiFernet:
    # Those of the links: the link that reverses an erasure and what it restores are readable for as long.
    return MultiFernet([Fernet(_derive(secret)) for _, secret in settings.TOKEN_KEYS])


def _derive(secret: str) -> bytes:
    """The key of a secret (RFC 5869), as Fernet takes it."""
    derived = HKDF(SHA256(), _KEY_OCTETS, None, b"newsletter reversible erasure").derive(secret.encode())
    return urlsafe_b64encode(derived)
