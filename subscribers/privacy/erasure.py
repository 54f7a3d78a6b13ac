"""Deletes personal data: on request (GDPR, Article 17), and when its retention period is over.

Erasure deletes all data about a subscriber and redacts the free texts of staff. A keyed hash of the address
stays suppressed, so that no later import adds it again. Retention deletes unconfirmed sign-ups, details of
consent records, counters and data of imports.

After a change of address, the former address can reverse an erasure for 30 days: a person who took an address
over could otherwise erase the subscriber, before the notice at the old address is read. What is needed to
restore them is kept encrypted: no page, command or export shows it, and nothing but the link “It was not me”
decrypts it. It is deleted when that link expires, or when staff erase the address. Nothing is kept where no
address was changed lately. Bounces, replies of mail servers, clicks by name and emails to the subscriber are
not kept.
"""

from __future__ import annotations

import json
import logging
from base64 import urlsafe_b64encode
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Any

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core import serializers
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models, transaction
from django.db.models import Exists, Model, OuterRef, Q

from subscribers import consent, rate_limit
from subscribers.addresses import address_hash, address_pattern
from subscribers.bulk import jobs as bulk_jobs
from subscribers.bulk.models import BulkJob
from subscribers.imports import jobs
from subscribers.imports.models import ImportChange, ImportJob, ImportRow, RejectedRow
from subscribers.models import (
    AddressChange,
    DataLink,
    FormerAddress,
    ReversibleErasure,
    Subscriber,
    Subscription,
    Suppression,
)
from subscribers.signals import erased
from subscribers.suppression import lift, normalise_or_lower

log = logging.getLogger(__name__)
# Shorter than any address, so that it fits wherever one did.
_REDACTED = "…@…"
# Texts by staff, names of files, and errors.
_FREE_TEXT_FIELDS: tuple[tuple[type[models.Model], tuple[str, ...]], ...] = (
    (BulkJob, ("reason", "error")),
    (ImportJob, ("file_name", "error")),
)
# Longer than any link of an address change, or to data, works.
_ADDRESS_CHANGES_KEPT, _DATA_LINKS_KEPT = timedelta(days=60), timedelta(days=2)
# Subscribers deleted in one transaction.
_BATCH = 500


def erase(email: str, now: datetime, *, final: bool = True) -> bool:
    """Erase the subscriber of this address, and suppress the address by its hash; repeating is harmless.

    A former address stands for the subscriber too. `final`: also delete what could reverse an earlier erasure
    of the address. False, without a change, for an unknown address.
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
        # First: a bulk action locks its row before it changes any subscriber.
        redact(addresses)
        _send_signal(subscribers, addresses)
        subscriber_ids = [subscriber.pk for subscriber in subscribers]
        Subscriber.objects.filter(pk__in=subscriber_ids).delete()
        # The text of a bounce or complaint may repeat the address, in lifted suppressions too.
        Suppression.objects.filter(address_hash__in=hashes).update(email="", evidence="")
        for rows in (ImportRow, RejectedRow):
            rows._default_manager.filter(address_hash__in=hashes).delete()
        ImportChange.objects.filter(subscriber__in=subscriber_ids).delete()
        jobs.delete_sample_cells()
        for one in hashes:
            _suppress_as_erased(one, now)
        if final:
            delete_reversible(hashes)
    return True


def redact(addresses: Collection[str]) -> None:
    """Remove these addresses from free texts and searches, in the transaction that erases.

    A bulk action that is still running continues for all others whom its search found.
    """
    for job in BulkJob.objects.select_for_update().filter(selection__text__icontains="@").order_by("pk"):
        if any(_searches_for(job.selection["text"], address) for address in addresses):
            bulk_jobs.freeze_selection(job)
    for model, fields in _FREE_TEXT_FIELDS:
        _redact_fields(model, fields, addresses)
    for address in addresses:
        # A row with two addresses in a cell has no valid address, and so no hash.
        unread = RejectedRow.objects.filter(address_hash=None, cells__icontains=address)
        theirs = [row.pk for row in unread if address_pattern(address).search(row.cells)]
        RejectedRow.objects.filter(pk__in=theirs).delete()


def _send_signal(subscribers: list[Subscriber], addresses: list[str]) -> None:
    former = FormerAddress.objects.filter(subscriber__in=subscribers, merged_subscriber_id__isnull=False)
    subscriber_ids = [subscriber.pk for subscriber in subscribers] + list(
        former.values_list("merged_subscriber_id", flat=True)
    )
    erased.send(Subscriber, subscriber_ids=tuple(subscriber_ids), addresses=tuple(addresses))


def _known_addresses(subscribers: list[Subscriber], address: str) -> list[str]:
    """The address, and all other stored addresses of these subscribers."""
    changes = [
        email
        for subscriber in subscribers
        for row in subscriber.address_changes.all()
        for email in (row.old_email, row.new_email)
    ]
    return sorted({address, *(subscriber.email for subscriber in subscribers), *changes})


def _other_hashes(subscribers: list[Subscriber], hashed: bytes) -> list[bytes]:
    """Hashes of these subscribers' present and former addresses, other than this one."""
    former = FormerAddress.objects.filter(subscriber__in=subscribers, is_own=True).values_list(
        "address_hash", flat=True
    )
    found = {bytes(one.address_hash) for one in subscribers} | {bytes(one) for one in former}
    return sorted(found - {hashed})


def _suppress_as_erased(hashed: bytes, now: datetime) -> None:
    Suppression.objects.update_or_create(
        address_hash=hashed,
        lifted_at__isnull=True,
        defaults={"reason": Suppression.Reason.ERASED},
        create_defaults={"reason": Suppression.Reason.ERASED, "created_at": now},
    )


def _searches_for(search_text: str, address: str) -> bool:
    """Whether a search is for this address, or for a part of it that identifies the subscriber."""
    for word in search_text.lower().split():
        if address_pattern(address).search(word) or (
            not word.startswith("@") and "@" in word and word in address
        ):
            return True
    return False


def _redact_fields(model: type[models.Model], fields: Iterable[str], addresses: Collection[str]) -> None:
    for field in fields:
        for row in model._default_manager.filter(Q(**{f"{field}__contains": "@"})):
            text = getattr(row, field)
            # The suffix of a file name belongs to no address.
            ending = PurePath(text).suffix if field == "file_name" else ""
            redacted = text.removesuffix(ending)
            for address in addresses:
                redacted = address_pattern(address).sub(_REDACTED, redacted)
            if redacted + ending != text:
                model._default_manager.filter(pk=row.pk).update(**{field: redacted + ending})


def apply_retention(now: datetime) -> None:
    """Delete what is older than `[retention]` allows. May run twice, and stop at any point."""
    config = settings.CONFIG.retention
    unconfirmed = _delete_unconfirmed(now - timedelta(days=config.unconfirmed_days))
    cleared = consent.clear_old_details(now, config.consent_details_months)
    rate_limit.delete_expired(now)
    jobs.delete_expired(now)
    bulk_jobs.delete_expired(now)
    AddressChange.objects.filter(requested_at__lt=now - _ADDRESS_CHANGES_KEPT).delete()
    DataLink.objects.filter(requested_at__lt=now - _DATA_LINKS_KEPT).delete()
    delete_expired(now)
    if unconfirmed or cleared:
        log.info("action=retention unconfirmed=%d details=%d", unconfirmed, cleared)


def _delete_unconfirmed(before: datetime) -> int:
    """Delete sign-ups that were not confirmed, and subscribers without any other subscription."""
    waiting = Subscription.objects.filter(
        state=Subscription.State.PENDING, created_at__lt=before, ended_at__isnull=True
    )
    count = 0
    while rows := list(waiting.values_list("pk", "subscriber")[:_BATCH]):
        with transaction.atomic():
            count += waiting.filter(pk__in=[pk for pk, _ in rows]).delete()[0]
            others = Subscription.objects.filter(subscriber=OuterRef("pk"))
            subscribers = Subscriber.objects.filter(pk__in={subscriber for _, subscriber in rows})
            subscribers.filter(~Exists(others)).delete()
    return count


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


def encrypt_copy(subscriber: Subscriber, changes: Collection[AddressChange]) -> ReversibleErasure:
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
