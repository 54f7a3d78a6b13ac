"""Deletes all data about a subscriber on request (GDPR, Article 17), and redacts the free texts of staff.

A keyed hash of the address stays suppressed, so that no later import adds it again.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from datetime import datetime
from pathlib import PurePath

from django.db import models, transaction
from django.db.models import Q

from subscribers.addresses import address_hash, address_pattern
from subscribers.bulk import apply_and_undo_bulk_actions as bulk_jobs
from subscribers.bulk.models import BulkJob
from subscribers.imports import job_lifecycle
from subscribers.imports.models import ImportChange, ImportJob, ImportRow, RejectedRow
from subscribers.models import (
    FormerAddress,
    Subscriber,
    Suppression,
)
from subscribers.privacy.reversible_erasure import delete_reversible
from subscribers.search.subscriber_search import word_as_stored
from subscribers.signals import erased
from subscribers.suppression import normalise_or_lower

log = logging.getLogger(__name__)
# Shorter than any address, so that it fits wherever one did.
_REDACTED = "…@…"
# Texts by staff, names of files, and errors.
_FREE_TEXT_FIELDS: tuple[tuple[type[models.Model], tuple[str, ...]], ...] = (
    (BulkJob, ("reason", "error")),
    (ImportJob, ("file_name", "error")),
)


def erase_and_suppress(email: str, now: datetime, *, also_delete_reversal_data: bool = True) -> bool:
    """Erase the subscriber of this address, and suppress the address by its hash; repeating is harmless.

    A former address stands for the subscriber too. `also_delete_reversal_data`: also delete what could
    reverse an earlier erasure of the address. False, without a change, for an unknown address.
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
        _send_signal(subscribers, addresses, hashes)
        subscriber_ids = [subscriber.pk for subscriber in subscribers]
        Subscriber.objects.filter(pk__in=subscriber_ids).delete()
        # The text of a bounce or complaint may repeat the address, in lifted suppressions too.
        Suppression.objects.filter(address_hash__in=hashes).update(email="", evidence="")
        for rows in (ImportRow, RejectedRow):
            rows._default_manager.filter(address_hash__in=hashes).delete()
        ImportChange.objects.filter(subscriber__in=subscriber_ids).delete()
        job_lifecycle.delete_sample_cells_of_open_imports()
        for one in hashes:
            _suppress_as_erased(one, now)
        if also_delete_reversal_data:
            delete_reversible(hashes)
    return True


def redact(addresses: Collection[str]) -> None:
    """Remove these addresses from free texts and searches, in the transaction that erases.

    A bulk action that is still running continues for all others whom its search found.
    """
    for job in BulkJob.objects.select_for_update().filter(selection__text__icontains="@").order_by("pk"):
        if any(_searches_for(job.selection["text"], address) for address in addresses):
            bulk_jobs.replace_query_with_remaining_ids(job)
    for model, fields in _FREE_TEXT_FIELDS:
        _redact_fields(model, fields, addresses)
    for address in addresses:
        # A row with two addresses in a cell has no valid address, and so no hash.
        unread = RejectedRow.objects.filter(address_hash=None, cells__icontains=address)
        theirs = [row.pk for row in unread if address_pattern(address).search(row.cells)]
        RejectedRow.objects.filter(pk__in=theirs).delete()


def _send_signal(subscribers: list[Subscriber], addresses: list[str], hashes: list[bytes]) -> None:
    former = FormerAddress.objects.filter(subscriber__in=subscribers, merged_subscriber_id__isnull=False)
    subscriber_ids = [subscriber.pk for subscriber in subscribers] + list(
        former.values_list("merged_subscriber_id", flat=True)
    )
    erased.send(
        Subscriber,
        subscriber_ids=tuple(subscriber_ids),
        addresses=tuple(addresses),
        address_hashes=frozenset(hashes),
    )


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
    """Hashes of these subscribers' present and former addresses, other than this one and those of others."""
    former = FormerAddress.objects.filter(subscriber__in=subscribers, is_own=True).values_list(
        "address_hash", flat=True
    )
    found = {bytes(one.address_hash) for one in subscribers} | {bytes(one) for one in former}
    # Who has a former address now is another subscriber, and goes on getting mail.
    others = Subscriber.objects.filter(address_hash__in=found).exclude(pk__in=[one.pk for one in subscribers])
    return sorted(found - {hashed} - {bytes(one) for one in others.values_list("address_hash", flat=True)})


def _suppress_as_erased(hashed: bytes, now: datetime) -> None:
    Suppression.objects.update_or_create(
        address_hash=hashed,
        lifted_at__isnull=True,
        defaults={"reason": Suppression.Reason.ERASED},
        create_defaults={"reason": Suppression.Reason.ERASED, "created_at": now},
    )


def _searches_for(search_text: str, address: str) -> bool:
    """Whether a search is for this address, or for a part of it that identifies the subscriber."""
    for word in map(word_as_stored, search_text.lower().split()):
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
