"""Exporting people as CSV that a spreadsheet opens without running anything, and that imports again."""

from __future__ import annotations

import csv
from typing import Protocol

from subscribers.formulas import harmless
from subscribers.models import MailingList, Subscription

HEADER = ("email", "name", "language", "countries", "list", "state", "source", "since", "ended")


class _Target(Protocol):
    def write(self, text: str, /) -> object: ...


def export_csv(target: _Target, mailing_list: MailingList | None = None) -> int:
    """Write one row per subscription, of one list or of all, and return how many; memory stays flat."""
    writer = csv.writer(target, lineterminator="\r\n")
    writer.writerow(HEADER)
    rows = Subscription.objects.select_related("subscriber", "mailing_list").order_by("pk")
    if mailing_list is not None:
        rows = rows.filter(mailing_list=mailing_list)
    count = 0
    for count, row in enumerate(rows.iterator(chunk_size=2000), start=1):  # noqa: B007  (the last one is returned)
        writer.writerow(map(harmless, _cells(row)))
    return count


def _cells(row: Subscription) -> tuple[str, ...]:
    person = row.subscriber
    return (
        person.email,
        person.name,
        person.language,
        "|".join(person.countries),
        row.mailing_list.slug,
        row.state,
        row.source,
        (row.confirmed_at or row.created_at).isoformat(timespec="seconds"),
        row.ended_at.isoformat(timespec="seconds") if row.ended_at else "",
    )
