"""Whom a file calls gone, who left, bounced or complained elsewhere: suppressed where a person wants that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from django.db.models import QuerySet

from subscribers.imports.models import ImportRefusal, ImportRun
from subscribers.imports.validate import address_in
from subscribers.models import Suppression

_BATCH = 500


def stop(run: ImportRun, after: int, until: int, now: datetime) -> int:
    """Suppress those of the lines (after, until] who are not suppressed yet, and return how many that were.

    To be called in a transaction. Raises IntegrityError when one of them is suppressed meanwhile.
    """
    gone = ImportRefusal.objects.filter(run=run.pk, kind=ImportRefusal.Kind.GONE)
    rows = gone.filter(line__gt=after, line__lte=until).order_by("line")
    found = dict(_addresses(run, rows))
    there, stopped = iter(found.items()), 0
    while some := dict(islice(there, _BATCH)):
        known = Suppression.objects.filter(address_hash__in=some, lifted_at__isnull=True)
        stopped_before = {bytes(one) for one in known.values_list("address_hash", flat=True)}
        made = Suppression.objects.bulk_create(
            Suppression(
                address_hash=address_hash,
                email=email,
                reason=Suppression.Reason.MANUAL,
                evidence=_evidence(run),
                created_at=now,
            )
            for address_hash, email in some.items()
            if address_hash not in stopped_before
        )
        stopped += len(made)
    return stopped


def free(run: ImportRun, now: datetime) -> int:
    """Lift what `stop` did, where nothing else has stopped them since and no other import would; how many."""
    others = ImportRefusal.objects.exclude(run=run.pk).filter(
        kind=ImportRefusal.Kind.GONE,
        address_hash__isnull=False,
        run__stops_gone=True,
        run__state__in=(ImportRun.State.APPLYING, ImportRun.State.APPLIED),
    )
    ours = Suppression.objects.filter(
        evidence=_evidence(run), reason=Suppression.Reason.MANUAL, lifted_at__isnull=True
    ).exclude(address_hash__in=others.values("address_hash"))
    return ours.update(lifted_at=now, lifted_by=run.ended_by)


def _addresses(run: ImportRun, rows: QuerySet[ImportRefusal]) -> Iterator[tuple[bytes, str]]:
    """The hash of each address, and the address."""
    place = run.reading["fields"].index("email")
    for row in rows.iterator(chunk_size=2_000):
        # Of a row that is too long to be kept there are no cells.
        if row.address_hash is not None and (cells := json.loads(row.cells)):
            yield bytes(row.address_hash), address_in(cells[place])[0]


def _evidence(run: ImportRun) -> str:
    by = f", and {run.applied_by} wanted it" if run.applied_by else ""
    return f"The file of import {run.pk} says that they are gone{by}."
