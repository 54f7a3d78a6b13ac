"""What staff searched for, and wrote beside what they did, names an erased person no more."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import PurePath

from django.db import models
from django.db.models import Q

from subscribers.addresses import address_pattern
from subscribers.bulk import jobs
from subscribers.bulk.models import BulkRun
from subscribers.imports.models import ImportRefusal, ImportRun

# Shorter than any address: it has room wherever one had.
_REDACTED = "…@…"
# Words of people, of a file, or of an error.
_FREE_TEXT_FIELDS: tuple[tuple[type[models.Model], tuple[str, ...]], ...] = (
    (BulkRun, ("words", "error")),
    (ImportRun, ("file_name", "error")),
)


def redact(addresses: Collection[str]) -> None:
    """Forget these addresses wherever words name them; to be called in the transaction that erases.

    A change of many people that has still to be done goes on with everybody else whom its search found.
    """
    for run in BulkRun.objects.select_for_update().filter(who__text__icontains="@").order_by("pk"):
        if any(_searches_for(run.who["text"], address) for address in addresses):
            jobs.settle(run)
    for model, fields in _FREE_TEXT_FIELDS:
        _redact_fields(model, fields, addresses)
    for address in addresses:
        # A row with two addresses in a cell has none that could be read, and so no hash.
        unread = ImportRefusal.objects.filter(address_hash=None, cells__icontains=address)
        theirs = [row.pk for row in unread if address_pattern(address).search(row.cells)]
        ImportRefusal.objects.filter(pk__in=theirs).delete()


def _searches_for(search_text: str, address: str) -> bool:
    """Whether a search is for this address, or for a part of it from which anybody could tell whose it is."""
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
            # What follows the last point of a file's name belongs to no address.
            ending = PurePath(text).suffix if field == "file_name" else ""
            redacted = text.removesuffix(ending)
            for address in addresses:
                redacted = address_pattern(address).sub(_REDACTED, redacted)
            if redacted + ending != text:
                model._default_manager.filter(pk=row.pk).update(**{field: redacted + ending})
