"""Exports of subscribers: a row for each list that one is on, in a form that can be imported again.

They are streamed with flat memory, so they need no job. No exported cell is a formula for a spreadsheet.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.db.models import OuterRef, Subquery

from subscribers.models import MailingList, Subscription, Suppression

COLUMNS = (
    *("email", "name", "language", "countries", "list", "state", "source", "since", "ended"),
    # The reason of a suppression in force; mostly empty.
    "suppressed",
)


def export_rows(mailing_list: MailingList | None = None) -> Iterator[tuple[str, ...]]:
    """The cells under COLUMNS, of one list or of all; memory is flat."""
    suppressions = Suppression.objects.filter(
        address_hash=OuterRef("subscriber__address_hash"), lifted_at__isnull=True
    )
    rows = Subscription.objects.select_related("subscriber", "mailing_list").order_by("pk")
    if mailing_list is not None:
        rows = rows.filter(mailing_list=mailing_list)
    annotated = rows.annotate(suppressed=Subquery(suppressions.values("reason")[:1]))
    for row in annotated.iterator(chunk_size=2_000):
        yield _cells(row)


def json_lines(mailing_list: MailingList | None = None) -> Iterator[str]:
    """A JSON object a line, by the names of COLUMNS; countries are a list of codes."""
    for row in export_rows(mailing_list):
        values: dict[str, Any] = dict(zip(COLUMNS, row, strict=True))
        values["countries"] = [code for code in values["countries"].split("|") if code]
        yield json.dumps(values, ensure_ascii=False) + "\n"


def _cells(row: Any) -> tuple[str, ...]:
    subscriber = row.subscriber
    return (
        subscriber.email,
        subscriber.name,
        subscriber.language,
        "|".join(subscriber.countries),
        row.mailing_list.slug,
        row.state,
        row.source,
        (row.confirmed_at or row.created_at).isoformat(timespec="seconds"),
        row.ended_at.isoformat(timespec="seconds") if row.ended_at else "",
        row.suppressed or "",
    )
